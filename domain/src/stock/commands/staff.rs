//! What staff can do to stock: each command loads and locks, asks a rule, saves and emits.

use uuid::Uuid;

use crate::kernel::command::{Command, Query as _};
use crate::kernel::error::{Error, Rejection};
use crate::kernel::tx::Tx;
use crate::products::{FindOffers, Sku};

use super::super::events::{StockAdjusted, StockReceived};
use super::super::model::{Adjustment, Quantity, Reason, StockItem};
use super::super::{rules, store};

/// Adds pieces that came in. Emits [`StockReceived`].
///
/// Rejected with `stock_sku_unknown` or `version_conflict`.
#[derive(Debug, Clone)]
pub struct ReceiveStock {
    /// Of what.
    pub sku: Sku,
    /// The version the caller has seen; none if any will do.
    pub expected_version: Option<i64>,
    /// How many.
    pub quantity: Quantity,
}

/// Corrects what is on hand. Emits [`StockAdjusted`].
///
/// Rejected with `stock_sku_unknown`, `version_conflict` or `stock_insufficient`.
#[derive(Debug, Clone)]
pub struct AdjustStock {
    /// Of what.
    pub sku: Sku,
    /// The version the caller has seen; none if any will do.
    pub expected_version: Option<i64>,
    /// By how many, up or down.
    pub by: Adjustment,
    /// Why.
    pub reason: Reason,
}

impl Command for ReceiveStock {
    type Output = StockItem;

    async fn handle(self, tx: &mut Tx) -> Result<StockItem, Error> {
        let item = load(tx, &self.sku, self.expected_version).await?;
        let quantity = self.quantity.pieces();
        let on_hand = item.on_hand + quantity;
        let item = save(tx, item, on_hand).await?;
        tx.emit(&StockReceived { quantity, stock: (&item).into() })?;
        Ok(item)
    }
}

impl Command for AdjustStock {
    type Output = StockItem;

    async fn handle(self, tx: &mut Tx) -> Result<StockItem, Error> {
        let item = load(tx, &self.sku, self.expected_version).await?;
        let on_hand = rules::adjusted(&item, self.by)?;
        let item = save(tx, item, on_hand).await?;
        let reason = self.reason.as_str().to_owned();
        tx.emit(&StockAdjusted { quantity: self.by.pieces(), reason, stock: (&item).into() })?;
        Ok(item)
    }
}

/// Locks the item until the transaction ends; makes one, of version 0, for a SKU that has none yet.
async fn load(tx: &mut Tx, sku: &Sku, expected_version: Option<i64>) -> Result<StockItem, Error> {
    if let Some(item) = store::lock(tx, sku).await? {
        Rejection::unless_current(item.version, expected_version)?;
        return Ok(item);
    }
    if (FindOffers { skus: vec![sku.clone()] }).fetch(tx).await?.is_empty() {
        return Err(rules::sku_unknown().into());
    }
    store::insert_empty(tx, Uuid::now_v7(), sku).await?;
    let made = store::lock(tx, sku).await?;
    let item = made.ok_or_else(|| Error::Internal(format!("the item of {} is gone", sku.as_str())))?;
    Rejection::unless_current(item.version, expected_version)?;
    Ok(item)
}

async fn save(tx: &mut Tx, mut item: StockItem, on_hand: i64) -> Result<StockItem, Error> {
    item.on_hand = on_hand;
    item.version += 1;
    item.events += 1;
    item.updated_at = tx.now();
    store::update(tx, &item).await?;
    Ok(item)
}
