//! The demo data. An outdoor shop and, to show that tenants do not see each other, a small other one.

/// One tenant's data.
pub(super) struct Demo {
    pub(super) tenant: &'static str,
    /// Added to the ids of the API's examples, to have others.
    pub(super) id_offset: u128,
    pub(super) groups: &'static [Group],
    pub(super) products: &'static [Item],
    pub(super) orders: &'static [Order],
}

/// A customer group with the customers in it.
pub(super) struct Group {
    pub(super) name: &'static str,
    pub(super) customers: &'static [Person],
}

/// A customer.
pub(super) struct Person {
    pub(super) name: &'static str,
    pub(super) email: &'static str,
    pub(super) phone: Option<&'static str>,
    /// Why, if it is.
    pub(super) suspended: Option<&'static str>,
}

/// A product; each variant with SKU, price in euro cents and attributes.
pub(super) struct Item {
    pub(super) name: &'static str,
    pub(super) description: &'static str,
    pub(super) variants: &'static [Variant],
}

/// An order; each line with SKU and pieces.
pub(super) struct Order {
    /// Which of the tenant's customers, from 0.
    pub(super) customer: u128,
    pub(super) lines: &'static [(&'static str, i64)],
}

type Variant = (&'static str, i64, &'static [(&'static str, &'static str)]);

const fn person(name: &'static str, email: &'static str) -> Person {
    Person { name, email, phone: None, suspended: None }
}

const fn with_phone(name: &'static str, email: &'static str, phone: &'static str) -> Person {
    Person { name, email, phone: Some(phone), suspended: None }
}

const fn suspended(name: &'static str, email: &'static str, reason: &'static str) -> Person {
    Person { name, email, phone: None, suspended: Some(reason) }
}

pub(super) const TENANTS: &[Demo] = &[
    Demo {
        tenant: api::examples::TENANT,
        id_offset: 0,
        groups: &[
            Group {
                name: "Retail",
                customers: &[
                    with_phone("Anna de Vries", "anna.devries@example.com", "+31 20 555 0101"),
                    // the second one is the suspended customer of the API's examples
                    suspended("Bram Jansen", "bram.jansen@example.com", "Three invoices unpaid"),
                    person("Chiara Rossi", "chiara.rossi@example.com"),
                    person("Daniel Schmidt", "daniel.schmidt@example.com"),
                    with_phone("Elif Yılmaz", "elif.yilmaz@example.com", "+49 30 555 0105"),
                    person("Femke Bakker", "femke.bakker@example.com"),
                    person("Gabriel Moreau", "gabriel.moreau@example.com"),
                ],
            },
            Group {
                name: "Wholesale",
                customers: &[
                    with_phone("Alpine Supplies GmbH", "purchasing@alpine-supplies.example", "+43 1 555 0201"),
                    with_phone("Bergsport Noord B.V.", "inkoop@bergsport-noord.example", "+31 50 555 0202"),
                    person("Camping Direct Ltd", "orders@camping-direct.example"),
                    person("Dolomiti Trekking S.r.l.", "acquisti@dolomiti-trekking.example"),
                    person("Fjell & Fjord AS", "innkjop@fjell-fjord.example"),
                ],
            },
            Group {
                name: "Clubs",
                customers: &[
                    person("Climbing Club Utrecht", "board@climbing-utrecht.example"),
                    person("Scouting De Zwaluw", "material@dezwaluw.example"),
                    with_phone("Kayak Club Leiden", "info@kayak-leiden.example", "+31 71 555 0303"),
                    person("Alpine Association Ghent", "secretary@alpine-ghent.example"),
                ],
            },
            Group {
                name: "Employees",
                customers: &[
                    person("Hugo Visser", "hugo.visser@offgrid.example"),
                    person("Ines Almeida", "ines.almeida@offgrid.example"),
                    person("Jonas Berg", "jonas.berg@offgrid.example"),
                    person("Kaja Nowak", "kaja.nowak@offgrid.example"),
                ],
            },
        ],
        products: &[
            Item {
                name: "Two-person tent Tarn",
                description: "Freestanding, 1.9 kg, stands in five minutes.",
                variants: &[
                    ("TARN-2P/GREEN", 34900, &[("colour", "green"), ("weight", "1.9 kg")]),
                    ("TARN-2P/SAND", 34900, &[("colour", "sand"), ("weight", "1.9 kg")]),
                ],
            },
            Item {
                name: "Four-person tent Lodge",
                description: "Room for a family, with a porch.",
                variants: &[("LODGE-4P/GREEN", 59900, &[("colour", "green"), ("weight", "6.4 kg")])],
            },
            Item {
                name: "Sleeping bag Drift",
                description: "Down, comfortable to -5 °C.",
                variants: &[
                    ("DRIFT/REGULAR", 24900, &[("length", "185 cm")]),
                    ("DRIFT/LONG", 26900, &[("length", "200 cm")]),
                ],
            },
            Item {
                name: "Sleeping mat Slate",
                description: "Inflatable, packs to the size of a bottle.",
                variants: &[("SLATE/R", 8990, &[("width", "51 cm")]), ("SLATE/W", 10990, &[("width", "64 cm")])],
            },
            Item {
                name: "Backpack Ridge",
                description: "Carries 18 kg without complaint.",
                variants: &[
                    ("RIDGE-45/BLUE", 15900, &[("colour", "blue"), ("volume", "45 l")]),
                    ("RIDGE-45/RED", 15900, &[("colour", "red"), ("volume", "45 l")]),
                    ("RIDGE-60/BLUE", 17900, &[("colour", "blue"), ("volume", "60 l")]),
                ],
            },
            Item {
                name: "Gas stove Ember",
                description: "Boils a litre in three and a half minutes.",
                variants: &[("EMBER", 5490, &[("weight", "83 g")])],
            },
            Item {
                name: "Cookset Kettle",
                description: "Two pots and a pan that nest.",
                variants: &[("KETTLE-1.2L", 4490, &[("volume", "1.2 l")]), ("KETTLE-2L", 5990, &[("volume", "2 l")])],
            },
            Item {
                name: "Head torch Comet",
                description: "400 lumen, charges by USB-C.",
                variants: &[
                    ("COMET/BLACK", 4990, &[("colour", "black")]),
                    ("COMET/ORANGE", 4990, &[("colour", "orange")]),
                ],
            },
            Item {
                name: "Water filter Spring",
                description: "Filters 2000 litres.",
                variants: &[("SPRING", 3990, &[])],
            },
            Item {
                name: "Solar panel Noon",
                description: "Charges a phone in an afternoon.",
                variants: &[("NOON-14W", 7990, &[("power", "14 W")]), ("NOON-28W", 12990, &[("power", "28 W")])],
            },
            Item {
                name: "Power station Cabin",
                description: "Runs a cool box for a weekend.",
                variants: &[("CABIN-500", 49900, &[("capacity", "500 Wh")])],
            },
            Item {
                name: "Rain jacket Squall",
                description: "Three layers, taped seams.",
                variants: &[
                    ("SQUALL/S", 18900, &[("size", "S")]),
                    ("SQUALL/M", 18900, &[("size", "M")]),
                    ("SQUALL/L", 18900, &[("size", "L")]),
                ],
            },
        ],
        orders: &[
            // of the customer that the API's examples order for
            Order { customer: 2, lines: &[("EMBER", 1), ("KETTLE-1.2L", 1)] },
            Order { customer: 7, lines: &[("TARN-2P/GREEN", 12), ("SLATE/R", 24)] },
            // more than there is
            Order { customer: 9, lines: &[("LODGE-4P/GREEN", 4), ("CABIN-500", 150)] },
        ],
    },
    Demo {
        tenant: "acme",
        id_offset: 0x1000,
        groups: &[Group {
            name: "Customers",
            customers: &[
                person("Lena Hoffmann", "lena.hoffmann@example.com"),
                person("Marco Bianchi", "marco.bianchi@example.com"),
                // The same person as in the other tenant: e-mail addresses are unique per tenant.
                person("Anna de Vries", "anna.devries@example.com"),
                person("Nadia Haddad", "nadia.haddad@example.com"),
                person("Oscar Lindqvist", "oscar.lindqvist@example.com"),
            ],
        }],
        products: &[Item {
            name: "Anvil",
            description: "Falls straight down.",
            variants: &[("ANVIL-50", 9900, &[("weight", "50 kg")])],
        }],
        orders: &[Order { customer: 0, lines: &[("ANVIL-50", 1)] }],
    },
];
