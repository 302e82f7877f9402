//! `online-chat health`: checks that a server is alive, for containers without other programs.

use std::{
    io::{self, BufRead as _, BufReader, Read as _, Write as _},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream},
    time::Duration,
};

use anyhow::{Context as _, ensure};

/// The timeout of connecting, writing and reading each.
const TIMEOUT: Duration = Duration::from_secs(2);

const MAX_STATUS_LINE_BYTES: u64 = 256;

/// Fails unless the server that listens on `bind` answers with 200.
pub(super) fn check(bind: SocketAddr) -> anyhow::Result<()> {
    let address = SocketAddr::new(reachable(bind.ip()), bind.port());
    let status =
        status_line(address).with_context(|| format!("the server at {address} does not answer"))?;
    let status = status.trim_end();
    ensure!(
        status.split(' ').nth(1) == Some("200"),
        "the server at {address} is not healthy: {status:?}"
    );
    Ok(())
}

/// Replaces an address of all interfaces by loopback.
fn reachable(ip: IpAddr) -> IpAddr {
    match ip {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    }
}

fn status_line(address: SocketAddr) -> io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&address, TIMEOUT)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.set_write_timeout(Some(TIMEOUT))?;
    let request =
        format!("GET /health/live HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes())?;
    let mut line = String::new();
    BufReader::new(stream.take(MAX_STATUS_LINE_BYTES)).read_line(&mut line)?;
    Ok(line)
}

#[cfg(test)]
mod tests {
    use std::{
        io::{BufRead as _, BufReader, Write as _},
        net::{SocketAddr, TcpListener},
        thread,
    };

    use super::{check, reachable};

    /// Sends `answer` to the first client. Returns the address and the request line.
    fn server(answer: &'static str) -> (SocketAddr, thread::JoinHandle<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let request = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let lines = BufReader::new(stream.try_clone().unwrap()).lines();
            let head: Vec<String> =
                lines.map(Result::unwrap).take_while(|line| !line.is_empty()).collect();
            stream.write_all(answer.as_bytes()).unwrap();
            head.first().cloned().unwrap_or_default()
        });
        (address, request)
    }

    #[test]
    fn a_server_that_answers_with_200_is_healthy() {
        let (address, request) = server("HTTP/1.1 200 OK\r\n\r\n");
        let all_interfaces = SocketAddr::from(([0, 0, 0, 0], address.port()));

        check(all_interfaces).unwrap();

        assert_eq!(request.join().unwrap(), "GET /health/live HTTP/1.1");
    }

    #[test]
    fn any_other_answer_is_an_error() {
        for answer in ["HTTP/1.1 503 Service Unavailable\r\n\r\n", "200\r\n", ""] {
            let (address, _request) = server(answer);

            let error = check(address).unwrap_err().to_string();

            assert!(
                error.starts_with(&format!("the server at {address} is not healthy")),
                "{error}"
            );
        }
    }

    #[test]
    fn no_answer_is_an_error() {
        let gone = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();

        let error = check(gone).unwrap_err().to_string();

        assert_eq!(error, format!("the server at {gone} does not answer"));
    }

    #[test]
    fn all_interfaces_are_reached_by_loopback() {
        let cases =
            [("0.0.0.0", "127.0.0.1"), ("::", "::1"), ("10.0.0.1", "10.0.0.1"), ("::1", "::1")];
        for (bind, want) in cases {
            let got = reachable(bind.parse().unwrap());
            assert_eq!(got.to_string(), want, "case: {bind}");
        }
    }
}
