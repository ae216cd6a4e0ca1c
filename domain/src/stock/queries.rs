//! Reads stock, always of the transaction's tenant.

use crate::kernel::command::Query;
use crate::kernel::error::{Error, Rejection};
use crate::kernel::page::{Page, PageSize, decode_cursor};
use crate::kernel::tx::Tx;
use crate::products::Sku;

use super::model::StockItem;
use super::rules;

/// The stock of one SKU. Rejected with `stock_not_found`.
#[derive(Debug, Clone)]
pub struct GetStock {
    /// Which.
    pub sku: Sku,
}

/// A page of the stock, ordered by SKU. Rejected with `cursor_invalid`.
#[derive(Debug, Clone, Default)]
pub struct ListStock {
    /// `next` of the page before; none starts at the beginning.
    pub cursor: Option<String>,
    /// How many at most.
    pub size: PageSize,
}

impl Query for GetStock {
    type Output = StockItem;

    async fn fetch(self, tx: &mut Tx) -> Result<StockItem, Error> {
        let item = sqlx::query_as!(
            StockItem,
            r#"select id, sku as "sku: _", on_hand, reserved, created_at, updated_at, version, events
               from stock.items where sku = $1"#,
            self.sku.as_str()
        )
        .fetch_optional(tx.conn())
        .await?;
        Ok(item.ok_or_else(rules::stock_not_found)?)
    }
}

impl Query for ListStock {
    type Output = Page<StockItem>;

    async fn fetch(self, tx: &mut Tx) -> Result<Page<StockItem>, Error> {
        let after = self.cursor.as_deref().map(sku_cursor).transpose()?;
        let items = sqlx::query_as!(
            StockItem,
            r#"select id, sku as "sku: _", on_hand, reserved, created_at, updated_at, version, events
               from stock.items where $1::text is null or sku > $1 order by sku limit $2"#,
            after.as_ref().map(Sku::as_str),
            self.size.rows_to_fetch()
        )
        .fetch_all(tx.conn())
        .await?;
        Ok(Page::new(items, self.size, |item| item.sku.as_str().to_owned()))
    }
}

fn sku_cursor(cursor: &str) -> Result<Sku, Rejection> {
    let sku: String = decode_cursor(cursor)?;
    Sku::parse(&sku, "cursor").map_err(|wrong| Rejection::invalid(vec![wrong]))
}
