//! `portal seed`: demo data for the tenants "demo" and "acme", made with the same commands that the
//! API runs, so that it comes with its events and outbox jobs; and jobs that belong to nobody, to
//! try the operators' commands on.

mod data;

use api::examples;
use domain::customers::{
    CreateCustomer, CreateCustomerGroup, Email, GroupName, ListCustomerGroups, Name, Phone, Reason, SuspendCustomer,
};
use domain::kernel::page::PageSize;
use domain::operations::AddDemoJobs;
use domain::orders::{NewLine, PlaceOrder};
use domain::products::{Amount, Attributes, CreateProduct, Currency, Description, NewVariant, Price, ProductName, Sku};
use domain::stock::{Quantity, ReceiveStock};
use domain::{Command, CorrelationId, Ctx, Db, Error, FieldError, Query, Rejection, Scope, Tx};
use serde_json::Value;
use uuid::Uuid;

use crate::config::Config;
use crate::database::{self, Login, Role};
use crate::failure::Failure;
use data::{Demo, Group, Item, Order};

/// How many there are of every variant.
const PIECES: i64 = 100;

/// What became of one tenant's demo data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Seeded {
    /// It is there now.
    Loaded,
    /// The tenant has data already; nothing was changed.
    AlreadyThere,
}

/// Loads it, and says what it did.
pub(crate) async fn run(config: &Config) -> Result<(), Failure> {
    let login = Login::user(config, "portal_api", "the demo data is loaded as portal_api")?;
    let pool = database::pool(&config.database, login, Role::Api).await?;
    database::ensure_current(&pool).await?;
    let db = database::db(pool.clone(), config);
    for (tenant, seeded) in load(&db).await? {
        match seeded {
            Seeded::Loaded => println!("loaded the demo data of tenant {tenant}"),
            Seeded::AlreadyThere => println!("tenant {tenant} has data already: nothing to do"),
        }
    }
    database::close(pool).await;
    Ok(())
}

/// Each tenant in one transaction: all of its demo data is there, or none.
pub(crate) async fn load(db: &Db) -> Result<Vec<(&'static str, Seeded)>, Failure> {
    let mut done = Vec::new();
    for demo in data::TENANTS {
        let ctx = tenant(demo.tenant).and_then(ctx).map_err(Failure::domain("loading the demo data"))?;
        let seeded = domain::run(db, &ctx, Seed(demo)).await.map_err(Failure::domain("loading the demo data"))?;
        done.push((demo.tenant, seeded));
    }
    let jobs = AddDemoJobs {
        scheduled: vec![examples::JOB, examples::JOB_TO_CANCEL],
        dead: vec![
            examples::DEAD_LETTER,
            examples::DEAD_LETTER_TO_DISCARD,
            examples::DEAD_LETTER_TO_ARCHIVE,
            examples::DEAD_LETTER_TO_EDIT,
        ],
        archived: vec![examples::ARCHIVED_DEAD_LETTER],
    };
    let ctx = ctx(Scope::Installation).map_err(Failure::domain("loading the demo data"))?;
    domain::run(db, &ctx, jobs).await.map_err(Failure::domain("loading the demo data"))?;
    Ok(done)
}

fn tenant(name: &str) -> Result<Scope, Error> {
    name.parse().map(Scope::Tenant).map_err(|error| Error::Internal(format!("demo data: {error}")))
}

fn ctx(scope: Scope) -> Result<Ctx, Error> {
    let malformed = |error| Error::Internal(format!("demo data: {error}"));
    Ok(Ctx {
        scope,
        actor: "portal-seed".parse().map_err(malformed)?,
        roles: Vec::new(),
        correlation_id: CorrelationId::generate(),
        causation_id: "portal-seed".into(),
        traceparent: None,
    })
}

/// All demo data of one tenant, as one command.
struct Seed(&'static Demo);

impl Command for Seed {
    type Output = Seeded;

    async fn handle(self, tx: &mut Tx) -> Result<Seeded, Error> {
        let groups = ListCustomerGroups { cursor: None, size: PageSize::default() }.fetch(tx).await?;
        if !groups.data.is_empty() {
            return Ok(Seeded::AlreadyThere);
        }
        let mut ids = Ids::of(self.0);
        for group in self.0.groups {
            add_group(tx, group, &mut ids).await?;
        }
        for item in self.0.products {
            let mut product_id = Some(next(&mut ids.product));
            let next_id = || product_id.take().unwrap_or_else(|| next(&mut ids.variant));
            product(item)?.handle_as(next_id, tx).await?;
            for (sku, ..) in item.variants {
                let (sku, quantity) = (valid(Sku::parse(sku, "/sku"))?, valid(Quantity::new(PIECES, "/quantity"))?);
                ReceiveStock { sku, expected_version: None, quantity }.handle(tx).await?;
            }
        }
        for order in self.0.orders {
            place(order, first(self.0, examples::CUSTOMER))?.handle_as(next(&mut ids.order), tx).await?;
        }
        Ok(Seeded::Loaded)
    }
}

/// The ids that come next. Those of the API's examples come first, in their tenant.
struct Ids {
    group: u128,
    customer: u128,
    product: u128,
    variant: u128,
    order: u128,
}

impl Ids {
    fn of(demo: &Demo) -> Self {
        Self {
            group: first(demo, examples::CUSTOMER_GROUP),
            customer: first(demo, examples::CUSTOMER),
            product: first(demo, examples::PRODUCT),
            variant: first(demo, examples::VARIANT),
            order: first(demo, examples::ORDER),
        }
    }
}

/// The first id of its kind in this tenant.
fn first(demo: &Demo, example: Uuid) -> u128 {
    example.as_u128() + demo.id_offset
}

fn next(id: &mut u128) -> Uuid {
    let this = Uuid::from_u128(*id);
    *id += 1;
    this
}

async fn add_group(tx: &mut Tx, group: &Group, ids: &mut Ids) -> Result<(), Error> {
    let name = valid(GroupName::parse(group.name, "/name"))?;
    let id = CreateCustomerGroup { name }.handle_as(next(&mut ids.group), tx).await?.id;
    for person in group.customers {
        let customer = CreateCustomer {
            name: valid(Name::parse(person.name, "/name"))?,
            email: valid(Email::parse(person.email, "/email"))?,
            phone: valid(person.phone.map(|phone| Phone::parse(phone, "/phone")).transpose())?,
            group_id: Some(id),
        };
        let customer = customer.handle_as(next(&mut ids.customer), tx).await?;
        if let Some(reason) = person.suspended {
            let reason = valid(Reason::parse(reason, "/reason"))?;
            SuspendCustomer { id: customer.id, expected_version: None, reason }.handle(tx).await?;
        }
    }
    Ok(())
}

fn product(item: &Item) -> Result<CreateProduct, Error> {
    let variants = item.variants.iter().map(|(sku, euro_cents, attributes)| {
        let price = Price {
            amount: valid(Amount::new(*euro_cents, "/amount"))?,
            currency: valid(Currency::parse("EUR", "/currency"))?,
        };
        let attributes = attributes.iter().map(|(name, value)| ((*name).to_owned(), Value::from(*value))).collect();
        Ok(NewVariant {
            sku: valid(Sku::parse(sku, "/sku"))?,
            price,
            attributes: valid(Attributes::new(attributes, "/attributes"))?,
        })
    });
    Ok(CreateProduct {
        name: valid(ProductName::parse(item.name, "/name"))?,
        description: valid(Description::parse(item.description, "/description"))?,
        variants: variants.collect::<Result<_, Error>>()?,
    })
}

fn place(order: &Order, first_customer: u128) -> Result<PlaceOrder, Error> {
    let line = |(sku, pieces): &(&str, i64)| {
        Ok(NewLine { sku: valid(Sku::parse(sku, "/sku"))?, quantity: valid(Quantity::new(*pieces, "/quantity"))? })
    };
    Ok(PlaceOrder {
        customer_id: Uuid::from_u128(first_customer + order.customer),
        lines: order.lines.iter().map(line).collect::<Result<_, Error>>()?,
    })
}

fn valid<T>(parsed: Result<T, FieldError>) -> Result<T, Error> {
    parsed.map_err(|field| Rejection::invalid(vec![field]).into())
}
