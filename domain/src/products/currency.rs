//! Currencies as ISO 4217 knows them.

use crate::kernel::error::FieldError;
use crate::kernel::input;

/// The code of a currency that things are paid in: `EUR`.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::Type)]
#[sqlx(transparent)]
pub struct Currency(String);

impl Currency {
    /// Reads an active code, in capitals.
    ///
    /// # Errors
    /// Names `pointer`; code `currency_unknown`.
    pub fn parse(text: &str, pointer: &str) -> Result<Self, FieldError> {
        if ACTIVE.binary_search(&text).is_err() {
            let detail = "must be the ISO 4217 code of a currency in use, such as EUR";
            return Err(input::wrong(pointer, "currency_unknown", detail));
        }
        Ok(Self(text.to_owned()))
    }

    /// The code.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// ISO 4217 as of 2026, in order, without funds, metals, and codes for tests or for no currency.
#[rustfmt::skip]
const ACTIVE: [&str; 155] = [
    "AED", "AFN", "ALL", "AMD", "AOA", "ARS", "AUD", "AWG", "AZN", "BAM", "BBD", "BDT", "BHD", "BIF",
    "BMD", "BND", "BOB", "BRL", "BSD", "BTN", "BWP", "BYN", "BZD", "CAD", "CDF", "CHF", "CLP", "CNY",
    "COP", "CRC", "CUP", "CVE", "CZK", "DJF", "DKK", "DOP", "DZD", "EGP", "ERN", "ETB", "EUR", "FJD",
    "FKP", "GBP", "GEL", "GHS", "GIP", "GMD", "GNF", "GTQ", "GYD", "HKD", "HNL", "HTG", "HUF", "IDR",
    "ILS", "INR", "IQD", "IRR", "ISK", "JMD", "JOD", "JPY", "KES", "KGS", "KHR", "KMF", "KPW", "KRW",
    "KWD", "KYD", "KZT", "LAK", "LBP", "LKR", "LRD", "LSL", "LYD", "MAD", "MDL", "MGA", "MKD", "MMK",
    "MNT", "MOP", "MRU", "MUR", "MVR", "MWK", "MXN", "MYR", "MZN", "NAD", "NGN", "NIO", "NOK", "NPR",
    "NZD", "OMR", "PAB", "PEN", "PGK", "PHP", "PKR", "PLN", "PYG", "QAR", "RON", "RSD", "RUB", "RWF",
    "SAR", "SBD", "SCR", "SDG", "SEK", "SGD", "SHP", "SLE", "SOS", "SRD", "SSP", "STN", "SVC", "SYP",
    "SZL", "THB", "TJS", "TMT", "TND", "TOP", "TRY", "TTD", "TWD", "TZS", "UAH", "UGX", "USD", "UYU",
    "UZS", "VED", "VES", "VND", "VUV", "WST", "XAF", "XCD", "XCG", "XOF", "XPF", "YER", "ZAR", "ZMW",
    "ZWG",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_order_and_well_formed() {
        assert!(ACTIVE.is_sorted());
        assert!(ACTIVE.iter().all(|code| code.len() == 3 && code.chars().all(|c| c.is_ascii_uppercase())));
    }

    #[test]
    fn what_nobody_pays_with_is_refused() {
        for bad in ["eur", "EURO", "", "XXX", "XAU", "DEM", "BGN"] {
            assert_eq!(Currency::parse(bad, "/currency").unwrap_err().code, "currency_unknown", "{bad}");
        }
        assert_eq!(Currency::parse("JPY", "/currency").unwrap().as_str(), "JPY");
    }
}
