//! What is sold, to whom, and how much of it there is.

use std::collections::BTreeMap;

use fastrand::Rng;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use super::Size;
use super::shop::Shop;
use crate::Result;

/// A tenth of the orders wants it.
pub(crate) const HOT: &str = "HOT";
/// Belongs to a product that is not sold any more.
const ARCHIVED: &str = "OLD";
/// Variants that one product may have.
const VARIANTS: usize = 100;
const CUSTOMERS: usize = 20;
/// Requests at once, while the shop is not open yet.
const AT_ONCE: usize = 8;
/// Lines of an order at most, and pieces of a line.
const LINES: usize = 3;
const PIECES: i64 = 5;

/// The shop's offer.
pub(crate) struct Catalogue {
    skus: Vec<String>,
    customers: Vec<Uuid>,
    suspended: Uuid,
    /// Pieces that were put in stock, by SKU.
    pub(crate) received: BTreeMap<String, i64>,
}

/// An order that somebody wants to place.
pub(crate) struct Wish {
    pub(crate) body: Value,
    /// Whether it must be taken.
    pub(crate) acceptable: bool,
}

impl Catalogue {
    /// Opens the shop: enough of most things, too little of some, nothing of a few.
    pub(crate) async fn open(shop: &Shop, size: &Size, rng: &mut Rng) -> Result<Self> {
        let skus: Vec<String> = (1..=size.skus).map(|n| format!("SKU-{n:04}")).collect();
        let products = skus.chunks(VARIANTS).map(<[String]>::to_vec);
        let others = [vec![HOT.to_owned()], vec![ARCHIVED.to_owned()]];
        let made = stream::iter(products.chain(others).enumerate())
            .map(|(n, skus)| async move { product(shop, n, &skus).await })
            .buffered(AT_ONCE);
        let made: Vec<Uuid> = made.try_collect().await?;
        let archived = made.last().ok_or("there are no products")?;
        shop.done(Method::PATCH, &format!("/v1/products/{archived}"), &json!({"status": "archived"}), "archive")
            .await?;
        let customers = stream::iter(0..=CUSTOMERS).map(|n| customer(shop, n)).buffered(AT_ONCE);
        let mut customers: Vec<Uuid> = customers.try_collect().await?;
        let suspended = customers.pop().ok_or("there are no customers")?;
        let why = json!({"reason": "does not pay"});
        shop.done(Method::POST, &format!("/v1/customers/{suspended}/suspend"), &why, "suspend").await?;
        let mut catalogue = Self { skus, customers, suspended, received: BTreeMap::new() };
        let pieces = catalogue.first_pieces(size, rng);
        let received = stream::iter(pieces).map(|(sku, pieces)| receive(shop, sku, pieces, 0));
        catalogue.received = received.buffer_unordered(AT_ONCE).try_collect().await?;
        Ok(catalogue)
    }

    /// Puts about a third of what an act's orders will want of [`HOT`] in stock.
    pub(crate) async fn restock(&mut self, shop: &Shop, size: &Size, act: usize) -> Result<()> {
        let pieces = (size.orders as i64 / 10 * (1 + PIECES) / 2 / 3).max(1);
        let (sku, pieces) = receive(shop, HOT.to_owned(), pieces, act + 1).await?;
        *self.received.entry(sku).or_default() += pieces;
        Ok(())
    }

    /// From four fifths of what will be wanted on average to one and a half times as much; nothing of every
    /// hundredth.
    fn first_pieces(&self, size: &Size, rng: &mut Rng) -> Vec<(String, i64)> {
        let lines = size.orders * size.acts * (1 + LINES) / 2;
        let wanted = (lines as i64 * (1 + PIECES) / 2 / self.skus.len() as i64).max(10);
        let some = self.skus.iter().enumerate().filter(|(n, _)| n % 100 != 99);
        some.map(|(_, sku)| (sku.clone(), rng.i64(wanted * 4 / 5..wanted * 3 / 2))).collect()
    }

    /// Somebody wants some things.
    pub(crate) fn wish(&self, rng: &mut Rng) -> Wish {
        let mut skus: Vec<&str> = Vec::new();
        if rng.u32(0..10) == 0 {
            skus.push(HOT);
        }
        let wanted = rng.usize(1..=LINES);
        while skus.len() < wanted.min(self.skus.len()) {
            let sku = self.skus[rng.usize(0..self.skus.len())].as_str();
            if !skus.contains(&sku) {
                skus.push(sku);
            }
        }
        rng.shuffle(&mut skus);
        let mut customer = self.customers[rng.usize(0..self.customers.len())];
        let mut acceptable = true;
        match rng.u32(0..100) {
            0 => (customer, acceptable) = (self.suspended, false),
            1 => (skus[0], acceptable) = (ARCHIVED, false),
            _ => {}
        }
        let lines: Vec<Value> =
            skus.into_iter().map(|sku| json!({"sku": sku, "quantity": rng.i64(1..=PIECES)})).collect();
        Wish { body: json!({"customerId": customer, "lines": lines}), acceptable }
    }
}

async fn product(shop: &Shop, number: usize, skus: &[String]) -> Result<Uuid> {
    let price = json!({"amount": 1999, "currency": "EUR"});
    let variants: Vec<Value> = skus.iter().map(|sku| json!({"sku": sku, "price": price, "attributes": {}})).collect();
    let body = json!({"name": format!("Product {number}"), "description": "", "variants": variants});
    id(&shop.done(Method::POST, "/v1/products", &body, &format!("product-{number}")).await?)
}

async fn customer(shop: &Shop, number: usize) -> Result<Uuid> {
    let body = json!({"name": format!("Customer {number}"), "email": format!("customer-{number}@example.com")});
    id(&shop.done(Method::POST, "/v1/customers", &body, &format!("customer-{number}")).await?)
}

async fn receive(shop: &Shop, sku: String, pieces: i64, time: usize) -> Result<(String, i64)> {
    let (path, id) = (format!("/v1/stock/{sku}/receive"), format!("receive-{sku}-{time}"));
    shop.done(Method::POST, &path, &json!({"quantity": pieces}), &id).await?;
    Ok((sku, pieces))
}

fn id(body: &Value) -> Result<Uuid> {
    Ok(body["id"].as_str().ok_or("an answer without an id")?.parse()?)
}
