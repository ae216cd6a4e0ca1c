//! `portal health`: asks a running process how it is. An image without a shell has nothing else to ask with.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use serde_json::Value;

use crate::config::Config;
use crate::failure::Failure;

/// Beyond the time that the process takes to look at its database.
const PATIENCE: Duration = Duration::from_secs(1);

/// Prints the checks of a process that is ready; fails for any other.
pub(crate) async fn run(config: &Config, url: Option<&str>) -> Result<(), Failure> {
    let url = url.map_or_else(|| readiness(config.http.addr), str::to_owned);
    let patience = config.http.settings().readiness_timeout + PATIENCE;
    let unhealthy = |problem: String| Failure::Unhealthy { url: url.clone(), problem };
    let (status, body) = tokio::time::timeout(patience, ask(&url))
        .await
        .map_err(|_| unhealthy(format!("no answer within {} s", patience.as_secs())))?
        .map_err(unhealthy)?;
    if status.is_success() {
        println!("{body}");
        return Ok(());
    }
    let said = body["detail"].as_str().map(|detail| format!(": {detail}")).unwrap_or_default();
    Err(unhealthy(format!("it answers {}{said}", status.as_u16())))
}

async fn ask(url: &str) -> Result<(reqwest::StatusCode, Value), String> {
    // Several crates bring a provider each; whoever comes first decides, and all of them do.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let problem = |error: reqwest::Error| with_causes(&error.without_url());
    // What runs beside us is not reached through a proxy, nor over TLS: nobody has to be trusted.
    let client = reqwest::Client::builder().no_proxy().tls_certs_only([]).build().map_err(problem)?;
    let answer = client.get(url).send().await.map_err(problem)?;
    Ok((answer.status(), answer.json().await.unwrap_or_default()))
}

/// An error in one line, down to its root.
pub(crate) fn with_causes(error: &dyn std::error::Error) -> String {
    std::iter::successors(error.source(), |cause| cause.source())
        .fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

/// Where the API is asked, which may listen on every address.
fn readiness(listening: SocketAddr) -> String {
    let ip = match listening.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    format!("http://{}/health/ready", SocketAddr::new(ip, listening.port()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_that_listens_everywhere_is_asked_here() {
        let asked = |addr: &str| readiness(addr.parse().unwrap());
        assert_eq!(asked("0.0.0.0:8080"), "http://127.0.0.1:8080/health/ready");
        assert_eq!(asked("[::]:8080"), "http://[::1]:8080/health/ready");
        assert_eq!(asked("10.1.2.3:80"), "http://10.1.2.3:80/health/ready");
    }
}
