//! Requests that ask for another protocol.

use std::future::{Future, poll_fn};
use std::io::{self, ErrorKind, IoSlice};
use std::net::Shutdown;
use std::rc::Rc;
use std::time::Duration;

use actix_codec::{Encoder as _, Framed, FramedParts};
use actix_http::body::{BodySize, BoxBody, MessageBody as _};
use actix_http::h1::{Codec, Message};
use actix_http::{ConnectionType, HttpMessage as _, Request, Response};
use actix_web::Error;
use actix_web::dev::{Service, ServiceResponse, always_ready};
use actix_web::rt::net::TcpStream;
use bytes::BytesMut;
use futures_util::future::LocalBoxFuture;
use socket2::SockRef;
use tokio::time::timeout;

use super::{Connection, ConnectionPayload, ConnectionPermit};

/// An extension of each request that asks for another protocol: the connection under it.
#[derive(Debug, Default)]
pub(crate) struct Upgraded {
    pub(crate) connection: Rc<Connection>,
    pub(crate) payload: ConnectionPayload,
}

/// An extension of a response: starts the task that serves the connection once the head of
/// the response is written. Until that ends, the body of the response is kept.
pub(crate) struct Takeover(Box<dyn FnOnce() -> LocalBoxFuture<'static, ()>>);

impl Takeover {
    pub(crate) fn new<F>(serve: impl FnOnce() -> F + 'static) -> Self
    where
        F: Future<Output = ()> + 'static,
    {
        Self(Box::new(move || Box::pin(serve())))
    }
}

/// Asks the application as for any request. If the response holds a [`Takeover`], that gets
/// the connection; otherwise the response is sent and the connection closed.
pub(super) struct Upgrade<S> {
    pub(super) app: S,
    pub(super) linger: Duration,
}

impl<S> Service<(Request, Framed<TcpStream, Codec>)> for Upgrade<Rc<S>>
where
    S: Service<Request, Response = ServiceResponse, Error = Error> + 'static,
{
    type Response = ();
    type Error = Error;
    type Future = LocalBoxFuture<'static, Result<(), Error>>;

    always_ready!();

    fn call(&self, (request, framed): (Request, Framed<TcpStream, Codec>)) -> Self::Future {
        let (app, linger) = (Rc::clone(&self.app), self.linger);
        let permit = request.conn_data::<ConnectionPermit>();
        let among_all = permit.and_then(|permit| permit.among_all.clone());
        let FramedParts { io, codec, read_buf, write_buf, .. } = framed.into_parts();
        let connection = Rc::new(Connection::new(io));
        let payload = ConnectionPayload::new(Rc::clone(&connection), &read_buf);
        let upgraded = Upgraded { connection: Rc::clone(&connection), payload };
        request.extensions_mut().insert(upgraded);
        let answering = {
            let connection = Rc::clone(&connection);
            async move {
                let response = app.call(request).await.map_or_else(Response::from, Response::from);
                answer(response, &connection, codec, write_buf).await
            }
        };
        // Boxed on its own, so that its memory is free while the socket lives.
        let answering = Box::pin(answering);
        Box::pin(async move {
            let _among_all = among_all;
            // A connection that breaks needs no log line, here and below.
            let Ok(serving) = answering.await else { return Ok(()) };
            if let Some((serving, _body)) = serving {
                serving.await;
            }
            if let Some(stream) = connection.take() {
                let _ = Box::pin(timeout(linger, close(stream))).await;
            }
            Ok(())
        })
    }
}

/// Writes a response behind those in `out`. Returns what serves the connection from now on,
/// and the body to keep meanwhile.
async fn answer(
    response: Response<BoxBody>,
    connection: &Connection,
    mut codec: Codec,
    mut out: BytesMut,
) -> io::Result<Option<(LocalBoxFuture<'static, ()>, BoxBody)>> {
    let (mut head, body) = response.into_parts();
    let takeover = head.extensions_mut().remove::<Takeover>();
    if let Some(Takeover(serve)) = takeover {
        codec.encode(Message::Item((head, BodySize::None)), &mut out)?;
        write_all(connection, &out).await?;
        return Ok(Some((serve(), body)));
    }
    head.head_mut().set_connection_type(ConnectionType::Close);
    codec.encode(Message::Item((head, body.size())), &mut out)?;
    tokio::pin!(body);
    loop {
        let chunk = poll_fn(|cx| body.as_mut().poll_next(cx)).await.transpose();
        let chunk = chunk.map_err(|_| ErrorKind::BrokenPipe)?;
        let is_last = chunk.is_none();
        codec.encode(Message::Chunk(chunk), &mut out)?;
        write_all(connection, &out).await?;
        out.clear();
        if is_last {
            return Ok(None);
        }
    }
}

async fn write_all(connection: &Connection, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match connection.try_write(&[IoSlice::new(bytes)]) {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(written) => bytes = bytes.get(written..).unwrap_or_default(),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                poll_fn(|cx| connection.poll_writable(cx)).await?;
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Shuts the connection down for writing, then reads until the peer closes it too: closing
/// at once could destroy the last bytes on their way to the peer.
async fn close(stream: TcpStream) -> io::Result<()> {
    SockRef::from(&stream).shutdown(Shutdown::Write)?;
    loop {
        stream.readable().await?;
        match stream.try_read(&mut [0; 4096]) {
            Ok(0) => return Ok(()),
            Err(error) if error.kind() != ErrorKind::WouldBlock => return Err(error),
            Ok(_) | Err(_) => {}
        }
    }
}
