//! The four roles; each may do what those before it may.

use std::fmt;

/// What a caller may do, least first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// `portal-viewer`: reads.
    Viewer,
    /// `portal-customer-team`: also every customer action.
    CustomerTeam,
    /// `portal-staff`: also changes products, stock and orders, and reads the event log.
    Staff,
    /// `portal-admin`: operates the installation, for every tenant.
    Admin,
}

impl Role {
    /// All of them, least first.
    pub const ALL: [Self; 4] = [Self::Viewer, Self::CustomerTeam, Self::Staff, Self::Admin];

    /// Its name in tokens.
    pub fn name(self) -> &'static str {
        match self {
            Self::Viewer => "portal-viewer",
            Self::CustomerTeam => "portal-customer-team",
            Self::Staff => "portal-staff",
            Self::Admin => "portal-admin",
        }
    }

    /// By its name; none for a role of somebody else's.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.name() == name)
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
