//! A tenant that sells things, and the requests of those who want some.

use chrono::{DateTime, Utc};
use domain::customers::{CreateCustomer, Email, Name};
use domain::products::{
    Amount, Attributes, CreateProduct, Currency, Description, MAX_VARIANTS, NewVariant, Price, ProductName, Sku,
};
use domain::stock::{Quantity, ReceiveStock};
use domain::{Ctx, Db, Scope, run};
use uuid::Uuid;

use crate::Result;
use crate::http::Connection;
use crate::random::Random;
use crate::tokens::TENANT;

/// More than is ever ordered.
const PIECES: i64 = 1_000_000;

/// What is sold, and where.
#[derive(Clone)]
pub(crate) struct Shop {
    addr: String,
    token: String,
    customer: Uuid,
    skus: usize,
}

/// An order under way.
#[derive(Debug, Clone)]
pub(crate) struct Sent {
    /// Of its request.
    pub(crate) correlation_id: String,
    /// When it was to be sent.
    pub(crate) at: DateTime<Utc>,
}

impl Shop {
    /// Puts so many SKUs in stock.
    pub(crate) async fn open(db: &Db, addr: String, token: String, skus: usize) -> Result<Self> {
        let ctx = Ctx {
            scope: Scope::Tenant(TENANT.parse()?),
            actor: "bench".parse()?,
            roles: Vec::new(),
            correlation_id: "opened".parse()?,
            causation_id: "bench".to_owned(),
            traceparent: None,
        };
        let customer = CreateCustomer {
            name: Name::parse("Ada", "/name").map_err(refused)?,
            email: Email::parse("ada@example.com", "/email").map_err(refused)?,
            phone: None,
            group_id: None,
        };
        let customer = run(db, &ctx, customer).await?.id;
        let all: Vec<usize> = (0..skus).collect();
        for of_product in all.chunks(MAX_VARIANTS) {
            let variants = of_product.iter().map(|n| variant(*n)).collect::<Result<_>>()?;
            let name = ProductName::parse("Thing", "/name").map_err(refused)?;
            run(db, &ctx, CreateProduct { name, description: Description::default(), variants }).await?;
        }
        for n in all {
            let quantity = Quantity::new(PIECES, "/quantity").map_err(refused)?;
            run(db, &ctx, ReceiveStock { sku: sku(n)?, expected_version: None, quantity }).await?;
        }
        Ok(Self { addr, token, customer, skus })
    }

    /// A connection to the API.
    pub(crate) async fn connect(&self) -> Result<Connection> {
        Connection::open(&self.addr).await
    }

    /// Places an order of two things.
    pub(crate) async fn place(&self, connection: &mut Connection, sent: Sent, random: &mut Random) -> Result<Sent> {
        let first = random.below(self.skus);
        let second = (first + 1 + random.below(self.skus - 1)) % self.skus;
        let (first, second) = (name(first), name(second));
        let body = format!(
            r#"{{"customerId":"{}","lines":[{{"sku":"{first}","quantity":1}},{{"sku":"{second}","quantity":2}}]}}"#,
            self.customer
        );
        let (token, id, length) = (&self.token, &sent.correlation_id, body.len());
        let request = format!(
            "POST /v1/orders HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {token}\r\n\
             Content-Type: application/json\r\nX-Correlation-Id: {id}\r\nIdempotency-Key: {id}\r\n\
             Content-Length: {length}\r\n\r\n{body}"
        );
        match connection.send(request.as_bytes()).await? {
            201 => Ok(sent),
            _ => Err(format!("an order was not accepted: {}", connection.last_answer()).into()),
        }
    }
}

fn name(number: usize) -> String {
    format!("SKU-{number:05}")
}

fn sku(number: usize) -> Result<Sku> {
    Ok(Sku::parse(&name(number), "/sku").map_err(refused)?)
}

fn variant(number: usize) -> Result<NewVariant> {
    let price = Price {
        amount: Amount::new(1999, "/amount").map_err(refused)?,
        currency: Currency::parse("EUR", "/currency").map_err(refused)?,
    };
    Ok(NewVariant { sku: sku(number)?, price, attributes: Attributes::default() })
}

fn refused(error: impl std::fmt::Debug) -> String {
    format!("{error:?}")
}
