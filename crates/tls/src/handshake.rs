//! The handshake of a client (RFC 8446 §2), one message of the server's after the other.
//!
//! ```text
//! ClientHello              -------->
//!                                        ServerHello
//!                                        {EncryptedExtensions}
//!                                        {CertificateRequest}
//!                                        {Certificate}
//!                                        {CertificateVerify}
//!                          <--------     {Finished}
//! {Certificate}
//! {Finished}               -------->
//! ```
//!
//! A HelloRetryRequest and a second ClientHello may come first. Who asks for a certificate of ours is told that there is
//! none.

use barertc_arena::Allocator;
use barertc_crypto::{
    Group, Hash, KeySchedule, P256Secret, Provider, Secret, Sha256, Sha384, Suite, TLS13, X25519Secret,
    constant_time_eq, ecdsa_der_decode,
};
use barertc_wire::{Reader, Writer};
use rand_core::CryptoRng;

use crate::certificate::PublicKey;
use crate::chain::{self, MAX_CERTIFICATES, TrustAnchors};
use crate::config::Config;
use crate::error::{CertificateFault, Error};
use crate::hello::{self, ClientHello, ServerHello, ext, group_id};
use crate::name::ServerName;
use crate::record::{CHANGE_CIPHER_SPEC, HANDSHAKE, Incoming, Keys, Outgoing};
use crate::time::UnixTime;

const SERVER_HELLO: u8 = 2;
const ENCRYPTED_EXTENSIONS: u8 = 8;
const CERTIFICATE: u8 = 11;
const CERTIFICATE_REQUEST: u8 = 13;
const CERTIFICATE_VERIFY: u8 = 15;
const FINISHED: u8 = 20;
const MESSAGE_HASH: u8 = 254;

/// What a CertificateVerify is over, before the transcript hash (RFC 8446 §4.4.3).
const SERVER_CONTEXT: &[u8] = b"TLS 1.3, server CertificateVerify\0";

/// Whom a client wants to reach, and by what it is judged.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Trust<'t> {
    /// The name that the server has to prove.
    pub name: ServerName<'t>,
    /// Who may vouch for it.
    pub anchors: TrustAnchors<'t>,
    /// The time now.
    pub now: UnixTime,
}

/// What is expected next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    ServerHello {
        retried: bool,
    },
    EncryptedExtensions,
    /// CertificateRequest or Certificate.
    Certificate {
        is_asked: bool,
    },
    CertificateVerify {
        is_asked: bool,
    },
    Finished {
        is_asked: bool,
    },
    Done,
}

/// The secret of a key agreement.
enum Ephemeral {
    X25519(X25519Secret),
    P256(P256Secret),
}

/// The key of the server's certificate, which is gone when it is used.
// Held in place, in the one block that the handshake has.
#[cfg_attr(feature = "rsa", allow(clippy::large_enum_variant))]
enum ServerKey {
    P256([u8; 65]),
    #[cfg(feature = "rsa")]
    Rsa(barertc_crypto::RsaPublicKey),
}

/// The running hash over all messages, by both functions: the first message comes before the choice.
#[derive(Default)]
struct Transcript {
    sha256: Sha256,
    sha384: Sha384,
}

/// The handshake of one connection.
pub(crate) struct Handshake<'t, P: Provider> {
    pub(crate) provider: P,
    config: Config,
    trust: Trust<'t>,
    state: State,
    random: [u8; 32],
    session_id: [u8; 32],
    ephemeral: Option<Ephemeral>,
    transcript: Transcript,
    pub(crate) suite: Suite,
    server_key: Option<ServerKey>,
    /// The secrets of the handshake, then of application data: by the client and by the server.
    pub(crate) client: Secret,
    pub(crate) server: Secret,
    main: Secret,
}

impl<'t, P: Provider> Handshake<'t, P> {
    pub(crate) fn new<R: CryptoRng + ?Sized>(config: Config, trust: Trust<'t>, provider: P, rng: &mut R) -> Self {
        let (mut random, mut session_id) = ([0; 32], [0; 32]);
        rng.fill_bytes(&mut random);
        rng.fill_bytes(&mut session_id);
        let group = *provider.rank_groups().first().unwrap_or(&Group::X25519);
        let ephemeral = Some(Ephemeral::new(&provider, group, rng));
        Self {
            provider,
            config,
            trust,
            state: State::ServerHello { retried: false },
            random,
            session_id,
            ephemeral,
            transcript: Transcript::default(),
            suite: Suite::Aes128Gcm,
            server_key: None,
            client: Secret::default(),
            server: Secret::default(),
            main: Secret::default(),
        }
    }

    pub(crate) fn is_done(&self) -> bool {
        self.state == State::Done
    }

    /// Whether the server has answered in TLS 1.3.
    pub(crate) fn is_answered(&self) -> bool {
        !matches!(self.state, State::ServerHello { .. })
    }

    /// Sends the ClientHello.
    pub(crate) fn begin<A: Allocator>(&mut self, out: &mut Outgoing<A, P>, cookie: &[u8]) -> Result<(), Error> {
        let ephemeral = self.ephemeral.as_ref().ok_or(Error::UnexpectedMessage)?;
        let mut share = [0; 65];
        let share = ephemeral.share(&self.provider, &mut share);
        let (p, config, transcript) = (&self.provider, &self.config, &mut self.transcript);
        let name = self.trust.name;
        let hello = ClientHello { random: &self.random, session_id: &self.session_id, name, share, cookie };
        out.push(p, HANDSHAKE, |room| {
            let mut w = Writer::new(room);
            hello.write(p, config, &mut w)?;
            transcript.add(w.written());
            Ok(w.len())
        })
    }

    /// Takes the next message of the server's. `is_last` tells whether nothing follows it in what has come of its record.
    pub(crate) fn on_message<A: Allocator, R: CryptoRng + ?Sized>(
        &mut self,
        message: &[u8],
        is_last: bool,
        incoming: &mut Incoming<A, P>,
        out: &mut Outgoing<A, P>,
        rng: &mut R,
    ) -> Result<(), Error> {
        let (header, body) = message.split_first_chunk::<4>().ok_or(Error::Malformed)?;
        let [kind, ..] = *header;
        self.state = match (self.state, kind) {
            (State::ServerHello { retried }, SERVER_HELLO) => {
                // What follows comes with another key, in another record (RFC 8446 §5.1).
                if !is_last {
                    return Err(Error::UnexpectedMessage);
                }
                return self.on_server_hello(retried, message, body, incoming, out, rng);
            }
            (State::EncryptedExtensions, ENCRYPTED_EXTENSIONS) => {
                self.on_encrypted_extensions(body, out)?;
                State::Certificate { is_asked: false }
            }
            (State::Certificate { is_asked: false }, CERTIFICATE_REQUEST) => {
                let mut r = Reader::new(body);
                // The context is empty in a handshake (RFC 8446 §4.3.2).
                if r.u8()? != 0 {
                    return Err(Error::IllegalParameter);
                }
                hello::for_each_extension(&mut r, |_, _| Ok(()))?;
                State::Certificate { is_asked: true }
            }
            (State::Certificate { is_asked }, CERTIFICATE) => {
                self.on_certificate(body)?;
                State::CertificateVerify { is_asked }
            }
            (State::CertificateVerify { is_asked }, CERTIFICATE_VERIFY) => {
                self.on_certificate_verify(body)?;
                State::Finished { is_asked }
            }
            (State::Finished { is_asked }, FINISHED) => {
                if !is_last {
                    return Err(Error::UnexpectedMessage);
                }
                let expected = self.schedule().verify_data(&self.server, &self.transcript.hash(self.hash()))?;
                if !constant_time_eq(&expected, body) {
                    return Err(Error::BadFinished);
                }
                self.transcript.add(message);
                self.finish(is_asked, incoming, out)?;
                State::Done
            }
            _ => return Err(Error::UnexpectedMessage),
        };
        if self.state != State::Done {
            self.transcript.add(message);
        }
        Ok(())
    }

    fn hash(&self) -> Hash {
        Hash::of(self.suite)
    }

    fn schedule(&self) -> KeySchedule<'_, P> {
        KeySchedule::new(&self.provider, self.hash(), TLS13)
    }

    #[inline(never)]
    fn on_server_hello<A: Allocator, R: CryptoRng + ?Sized>(
        &mut self,
        retried: bool,
        message: &[u8],
        body: &[u8],
        incoming: &mut Incoming<A, P>,
        out: &mut Outgoing<A, P>,
        rng: &mut R,
    ) -> Result<(), Error> {
        let hello = ServerHello::parse(&self.provider, &self.session_id, body)?;
        if retried && (hello.is_retry || hello.suite != self.suite) {
            return Err(if hello.is_retry { Error::UnexpectedMessage } else { Error::IllegalParameter });
        }
        self.suite = hello.suite;
        if hello.is_retry {
            return self.on_retry(message, &hello, out, rng);
        }
        self.transcript.add(message);
        let mut r = Reader::new(hello.share.ok_or(Error::IllegalParameter)?);
        let group = r.u16()?;
        let share = hello::whole16(r.rest())?;
        // The secret serves once.
        let ephemeral = self.ephemeral.take().ok_or(Error::UnexpectedMessage)?;
        if group != group_id(ephemeral.group()) {
            return Err(Error::IllegalParameter);
        }
        let shared = Secret::from_slice(&ephemeral.agree(&self.provider, share)?);
        let (hash, hellos) = (self.hash(), self.transcript.hash(self.hash()));
        let schedule = KeySchedule::new(&self.provider, hash, TLS13);
        let shared = shared.as_slice().try_into().map_err(|_| Error::KeyRefused)?;
        schedule.handshake(shared, &hellos, &mut self.client, &mut self.server, &mut self.main)?;
        incoming.keys = Some(self.keys(&self.server)?);
        // Alerts are protected from here on. For middleboxes, the first flight ends with a message of TLS 1.2.
        if !retried {
            push_change_cipher_spec(&self.provider, out)?;
        }
        out.keys = Some(self.keys(&self.client)?);
        self.state = State::EncryptedExtensions;
        Ok(())
    }

    /// HelloRetryRequest (RFC 8446 §4.1.4): the server wants another group, or a cookie.
    fn on_retry<A: Allocator, R: CryptoRng + ?Sized>(
        &mut self,
        message: &[u8],
        hello: &ServerHello<'_>,
        out: &mut Outgoing<A, P>,
        rng: &mut R,
    ) -> Result<(), Error> {
        self.transcript.replace_by_hash(self.hash());
        self.transcript.add(message);
        let sent = self.ephemeral.as_ref().map(|ours| group_id(ours.group()));
        let asked = hello.share.map(|id| id.try_into().map(u16::from_be_bytes)).transpose();
        let asked = asked.map_err(|_| Error::Malformed)?;
        let cookie = hello.cookie.map(hello::whole16).transpose()?.unwrap_or_default();
        // A request that changes nothing would go round in circles.
        if asked == sent || (asked.is_none() && cookie.is_empty()) {
            return Err(Error::IllegalParameter);
        }
        if cookie.len() > hello::MAX_COOKIE {
            return Err(Error::MessageTooLong { limit: hello::MAX_COOKIE, value: cookie.len() });
        }
        if let Some(asked) = asked {
            let group = self.provider.rank_groups().into_iter().find(|group| group_id(*group) == asked);
            self.ephemeral = Some(Ephemeral::new(&self.provider, group.ok_or(Error::IllegalParameter)?, rng));
        }
        push_change_cipher_spec(&self.provider, out)?;
        self.begin(out, cookie)?;
        self.state = State::ServerHello { retried: true };
        Ok(())
    }

    fn on_encrypted_extensions<A: Allocator>(&mut self, body: &[u8], out: &mut Outgoing<A, P>) -> Result<(), Error> {
        let mut r = Reader::new(body);
        let fragment = hello::fragment_code(&self.config);
        let (mut limit, mut code) = (None, None);
        hello::for_each_extension(&mut r, |kind, value| {
            let mut value = Reader::new(value);
            match kind {
                ext::SERVER_NAME | ext::SUPPORTED_GROUPS => {}
                ext::RECORD_SIZE_LIMIT if fragment.is_some() => limit = Some(value.u16()?),
                ext::MAX_FRAGMENT_LENGTH if fragment.is_some() => code = Some(value.u8()?),
                // What was not asked for (RFC 8446 §4.2).
                _ => return Err(Error::IllegalParameter),
            }
            Ok(())
        })?;
        match (limit, code) {
            // RFC 8449 §4: at least 64, of which one is the type.
            (Some(limit @ 64..), None) => out.limit = out.limit.min(usize::from(limit).saturating_sub(1)),
            (None, Some(code)) if Some(code) == fragment => out.limit = out.limit.min(hello::fragment_bytes(code)),
            (None, None) => {}
            _ => return Err(Error::IllegalParameter),
        }
        if r.is_empty() { Ok(()) } else { Err(Error::Malformed) }
    }

    /// Certificate (RFC 8446 §4.4.2).
    #[inline(never)]
    fn on_certificate(&mut self, body: &[u8]) -> Result<(), Error> {
        let mut r = Reader::new(body);
        if r.u8()? != 0 {
            return Err(Error::IllegalParameter);
        }
        let len = usize::try_from(r.u24()?).map_err(|_| Error::Malformed)?;
        let mut list = r.sub(len)?;
        let mut certificates: [&[u8]; MAX_CERTIFICATES] = [&[]; MAX_CERTIFICATES];
        let mut count = 0usize;
        while !list.is_empty() {
            let len = usize::try_from(list.u24()?).map_err(|_| Error::Malformed)?;
            let place = certificates.get_mut(count);
            *place.ok_or(CertificateFault::TooMany { limit: MAX_CERTIFICATES })? = list.take(len)?;
            count = count.saturating_add(1);
            // Nothing was asked for that would come as an extension of a certificate.
            if list.u16()? != 0 {
                return Err(Error::IllegalParameter);
            }
        }
        // RFC 8446 §4.4.2.4: a server without a certificate is malformed.
        if !r.is_empty() || count == 0 {
            return Err(Error::Malformed);
        }
        let Trust { name, anchors, now } = self.trust;
        let certificates = certificates.get(..count).unwrap_or_default();
        let server = chain::verify(&self.provider, certificates, anchors, now, name)?;
        self.server_key = Some(match server.key {
            PublicKey::P256(point) => ServerKey::P256(*point),
            #[cfg(feature = "rsa")]
            PublicKey::Rsa(modulus, exponent) => ServerKey::Rsa(
                barertc_crypto::RsaPublicKey::new(modulus, exponent).ok_or(CertificateFault::Unsupported)?,
            ),
            PublicKey::Unsupported => return Err(CertificateFault::Unsupported.into()),
        });
        Ok(())
    }

    /// CertificateVerify (RFC 8446 §4.4.3): the server has the key of its certificate.
    #[inline(never)]
    fn on_certificate_verify(&mut self, body: &[u8]) -> Result<(), Error> {
        let mut r = Reader::new(body);
        let scheme = r.u16()?;
        let signature = hello::whole16(r.rest())?;
        let p = &self.provider;
        let digest = p.sha256(&[&[0x20; 64], SERVER_CONTEXT, &self.transcript.hash(self.hash())]);
        let verified = match (&self.server_key, scheme) {
            (Some(ServerKey::P256(point)), hello::ECDSA_P256_SHA256) => {
                ecdsa_der_decode(signature).is_ok_and(|signature| p.p256_verify(point, &digest, &signature).is_ok())
            }
            #[cfg(feature = "rsa")]
            (Some(ServerKey::Rsa(key)), hello::RSA_PSS_SHA256) => key.verify_pss(p, &digest, signature).is_some(),
            // A scheme that was not offered, or one that does not fit the key.
            _ => return Err(Error::IllegalParameter),
        };
        if verified { Ok(()) } else { Err(CertificateFault::BadSignature.into()) }
    }

    /// Certificate and Finished of ours, and the keys for application data.
    #[inline(never)]
    fn finish<A: Allocator>(
        &mut self,
        is_asked: bool,
        incoming: &mut Incoming<A, P>,
        out: &mut Outgoing<A, P>,
    ) -> Result<(), Error> {
        // Up to the server's Finished (RFC 8446 §7.1).
        let transcript = self.transcript.hash(self.hash());
        if is_asked {
            let none = [CERTIFICATE, 0, 0, 4, 0, 0, 0, 0];
            self.transcript.add(&none);
            out.push(&self.provider, HANDSHAKE, |room| put(room, &[&none]))?;
        }
        let verify_data = self.schedule().verify_data(&self.client, &self.transcript.hash(self.hash()))?;
        let len = u8::try_from(verify_data.len()).unwrap_or_default();
        out.push(&self.provider, HANDSHAKE, |room| put(room, &[&[FINISHED, 0, 0, len], &verify_data]))?;
        let (provider, hash) = (&self.provider, self.hash());
        let schedule = KeySchedule::new(provider, hash, TLS13);
        schedule.application(&self.main, &transcript, &mut self.client, &mut self.server)?;
        incoming.keys = Some(self.keys(&self.server)?);
        out.keys = Some(self.keys(&self.client)?);
        Ok(())
    }

    fn keys(&self, secret: &Secret) -> Result<Keys<P>, Error> {
        Keys::new(&self.provider, self.suite, &self.schedule(), secret).map_err(|_| Error::KeyRefused)
    }
}

/// The message of TLS 1.2 that boxes on the way expect (RFC 8446, appendix D.4).
fn push_change_cipher_spec<A: Allocator, P: Provider>(p: &P, out: &mut Outgoing<A, P>) -> Result<(), Error> {
    out.push(p, CHANGE_CIPHER_SPEC, |room| put(room, &[&[1]]))
}

/// Writes the parts one after the other; returns their length.
pub(crate) fn put(room: &mut [u8], parts: &[&[u8]]) -> Result<usize, Error> {
    let mut w = Writer::new(room);
    parts.iter().try_for_each(|part| w.put(part))?;
    Ok(w.len())
}

impl Ephemeral {
    fn new<P: Provider, R: CryptoRng + ?Sized>(p: &P, group: Group, rng: &mut R) -> Self {
        match group {
            Group::X25519 => Self::X25519(p.x25519_key(rng)),
            Group::P256 => Self::P256(p.p256_key(rng)),
        }
    }

    const fn group(&self) -> Group {
        match self {
            Self::X25519(_) => Group::X25519,
            Self::P256(_) => Group::P256,
        }
    }

    fn share<'r, P: Provider>(&self, p: &P, room: &'r mut [u8; 65]) -> (Group, &'r [u8]) {
        match self {
            Self::X25519(secret) => {
                let (front, _) = room.split_at_mut(32);
                front.copy_from_slice(&p.x25519_public(secret));
                (Group::X25519, front)
            }
            Self::P256(secret) => {
                *room = p.p256_public(secret);
                (Group::P256, room)
            }
        }
    }

    /// RFC 8446 §7.4: small orders and points beside the curve are refused.
    fn agree<P: Provider>(&self, p: &P, share: &[u8]) -> Result<[u8; 32], Error> {
        match self {
            Self::X25519(secret) => {
                let share = share.try_into().map_err(|_| Error::IllegalParameter)?;
                p.x25519_agree(secret, share).map_err(|_| Error::IllegalParameter)
            }
            Self::P256(secret) => p.p256_agree(secret, share).map_err(|_| Error::IllegalParameter),
        }
    }
}

impl Transcript {
    fn add(&mut self, message: &[u8]) {
        self.sha256.update(message);
        self.sha384.update(message);
    }

    fn hash(&self, hash: Hash) -> Secret {
        match hash {
            Hash::Sha256 => Secret::from_slice(&self.sha256.clone().finish()),
            Hash::Sha384 => Secret::from_slice(&self.sha384.clone().finish()),
        }
    }

    /// Puts a hash in place of the ClientHello that a HelloRetryRequest answers (RFC 8446 §4.4.1).
    fn replace_by_hash(&mut self, hash: Hash) {
        let digest = self.hash(hash);
        *self = Self::default();
        self.add(&[MESSAGE_HASH, 0, 0, u8::try_from(digest.len()).unwrap_or_default()]);
        self.add(&digest);
    }
}
