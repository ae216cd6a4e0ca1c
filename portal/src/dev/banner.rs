//! What `portal dev` prints once it runs: addresses, tokens, and something to try.

use std::fmt::Write as _;
use std::io::{self, IsTerminal, Write as _};
use std::net::SocketAddr;
use std::path::PathBuf;

use api::auth::Role;
use api::examples::TENANT;

use super::tokens::{Issuer, VALIDITY};
use crate::failure::Failure;

/// Prints it to standard output.
pub(super) fn print(addr: SocketAddr, events: &str, issuer: &Issuer) -> Result<(), Failure> {
    let colour = io::stdout().is_terminal();
    let text =
        text(
            addr,
            events,
            issuer,
            |heading| if colour { format!("\x1b[1m{heading}\x1b[0m") } else { heading.to_owned() },
        )?;
    let failed = |source| Failure::File { path: PathBuf::from("standard output"), source };
    let mut stdout = io::stdout().lock();
    stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()).map_err(failed)
}

fn text(addr: SocketAddr, events: &str, issuer: &Issuer, bold: impl Fn(&str) -> String) -> Result<String, Failure> {
    let mut text = format!(
        "\n{}\n\n  Swagger UI   http://{addr}/swagger-ui/\n  API          http://{addr}/v1\n  Events       {events}\n\n",
        bold("Offgrid Portal is running; Ctrl-C stops it."),
    );
    let hours = VALIDITY.as_secs() / 3600;
    let _ = writeln!(
        text,
        "{}",
        bold(&format!("Bearer tokens for tenant {TENANT}, valid for {hours} h while this process runs:"))
    );
    for role in Role::ALL {
        let _ = write!(text, "\n  {} ({role}): {}\n  {}\n", bold(name(role)), may(role), issuer.token(role)?);
    }
    let token = issuer.token(Role::CustomerTeam)?;
    let _ = write!(
        text,
        "\n{}\n\n  curl -H 'Authorization: Bearer {token}' http://{addr}/v1/customers\n\n",
        bold("Try it:")
    );
    Ok(text)
}

fn name(role: Role) -> &'static str {
    match role {
        Role::Viewer => "Viewer",
        Role::CustomerTeam => "Customer team",
        Role::Staff => "Staff",
        Role::Admin => "Admin",
    }
}

fn may(role: Role) -> &'static str {
    match role {
        Role::Viewer => "reads",
        Role::CustomerTeam => "also every customer action",
        Role::Staff => "also changes products, stock and orders",
        Role::Admin => "operates the installation, every tenant",
    }
}
