//! Which certificates are refused, and why.

use barertc_crypto::RustCrypto;

use super::{DAY, NOW, anchors, data};
use crate::certificate::Certificate;
use crate::chain;
use crate::error::CertificateFault as Fault;
use crate::name::ServerName;
use crate::time::UnixTime;

fn verify_at(certificates: &[&[u8]], trusted: &[u8], now: UnixTime, name: &str) -> Result<(), Fault> {
    let name = ServerName::parse(name).unwrap();
    chain::verify(&RustCrypto, certificates, anchors(trusted), now, name).map(|_: Certificate<'_>| ())
}

fn verify(certificates: &[&[u8]]) -> Result<(), Fault> {
    verify_at(certificates, data!("root.der"), NOW, "server.test")
}

#[test]
fn a_certificate_of_the_authority_is_accepted() {
    assert_eq!(verify(&[data!("server.der")]), Ok(()));
    assert_eq!(verify(&[data!("sha384.der")]), Ok(()), "ECDSA over SHA-384");
}

#[test]
fn each_name_of_the_certificate_counts_and_no_other() {
    let named = |name| verify_at(&[data!("server.der")], data!("root.der"), NOW, name);
    for name in ["server.test", "SERVER.test.", "a.wild.test", "127.0.0.1"] {
        assert_eq!(named(name), Ok(()), "{name}");
    }
    // `server` is its common name.
    for name in ["server", "wild.test", "a.b.wild.test", "127.0.0.2", "::1", "test"] {
        assert_eq!(named(name), Err(Fault::WrongName), "{name}");
    }
    assert_eq!(verify(&[data!("no-names.der")]), Err(Fault::WrongName));
}

#[test]
fn the_time_is_between_both_ends() {
    let at = |days: i64| {
        let now = UnixTime(NOW.0.checked_add_signed(days * DAY as i64).unwrap());
        verify_at(&[data!("short.der")], data!("root.der"), now, "server.test")
    };
    assert_eq!((at(0), at(30), at(-30)), (Ok(()), Err(Fault::Expired), Err(Fault::NotYetValid)));
    let later = UnixTime(NOW.0 + 30 * DAY);
    let below = [data!("below-old.der"), data!("old-between.der")];
    assert_eq!(verify(&below), Ok(()));
    assert_eq!(verify_at(&below, data!("root.der"), later, "server.test"), Err(Fault::Expired), "one between has");
}

#[test]
fn who_is_not_vouched_for_is_untrusted() {
    let own = data!("server.der");
    assert_eq!(verify_at(&[own], data!("other.der"), NOW, "server.test"), Err(Fault::Untrusted));
    assert_eq!(verify_at(&[own], &[], NOW, "server.test"), Err(Fault::Untrusted));
    assert_eq!(verify(&[data!("other.der"), data!("root.der")]), Err(Fault::Untrusted), "signed by itself");
    assert_eq!(verify(&[data!("below.der")]), Err(Fault::Untrusted), "the one between is missing");
}

#[test]
fn another_key_under_the_name_of_an_authority_is_a_bad_signature() {
    let own = data!("server.der");
    assert_eq!(verify_at(&[own], data!("twin.der"), NOW, "server.test"), Err(Fault::BadSignature));
    let both = [data!("twin.der"), data!("root.der")].concat();
    assert_eq!(verify_at(&[own], &both, NOW, "server.test"), Ok(()), "one of two with one name");
    // Every byte of the part that is signed.
    for at in 8..300 {
        let mut changed = own.to_vec();
        changed[at] ^= 1;
        assert!(verify(&[&changed]).is_err(), "byte {at}");
    }
    let mut changed = own.to_vec();
    *changed.last_mut().unwrap() ^= 1;
    assert_eq!(verify(&[&changed]), Err(Fault::BadSignature));
}

#[test]
fn others_come_in_any_order_and_may_be_of_no_use() {
    let (own, between) = (data!("below.der"), data!("between.der"));
    assert_eq!(verify(&[own, between]), Ok(()));
    assert_eq!(verify(&[own, data!("other.der"), b"nonsense", own, data!("root.der"), between]), Ok(()));
}

#[test]
fn only_authorities_vouch() {
    assert_eq!(verify(&[data!("below-none.der"), data!("no-authority.der")]), Err(Fault::WrongPurpose));
    assert_eq!(verify(&[data!("shallow.der"), data!("flat.der")]), Ok(()), "one below is allowed");
    let deep = [data!("deep.der"), data!("below-flat.der"), data!("flat.der")];
    assert_eq!(verify(&deep), Err(Fault::WrongPurpose), "two below are not");
    let trusts_a_server = verify_at(&[data!("below-none.der")], data!("no-authority.der"), NOW, "server.test");
    assert_eq!(trusts_a_server, Err(Fault::WrongPurpose));
}

#[test]
fn a_certificate_is_for_what_it_says() {
    assert_eq!(verify(&[data!("client.der")]), Err(Fault::WrongPurpose));
    assert_eq!(verify(&[data!("agreeing.der")]), Err(Fault::WrongPurpose));
    assert_eq!(verify(&[data!("critical.der")]), Err(Fault::CriticalExtension));
    let narrow = [data!("below-narrow.der"), data!("narrow.der")];
    assert_eq!(verify(&narrow), Err(Fault::CriticalExtension), "names that are permitted are not looked at");
}

#[test]
fn a_server_may_be_trusted_for_itself() {
    let own = data!("server.der");
    let with = |now, name| verify_at(&[own], own, now, name);
    assert_eq!(with(NOW, "server.test"), Ok(()));
    assert_eq!(with(UnixTime(0), "server.test"), Err(Fault::NotYetValid));
    assert_eq!(with(NOW, "another.test"), Err(Fault::WrongName));
}

#[test]
fn nothing_that_is_cut_is_a_certificate() {
    let own = data!("server.der");
    for len in 0..own.len() {
        assert_eq!(Certificate::parse(&own[..len]).err(), Some(Fault::Malformed), "{len} bytes");
    }
    assert_eq!(Certificate::parse(&[own, &[0]].concat()).err(), Some(Fault::Malformed));
    assert!(chain::TrustAnchors::new(&own[1..]).is_err());
    assert_eq!(chain::TrustAnchors::new(&[own, own].concat()).unwrap().1, 2);
}

#[cfg(not(feature = "rsa"))]
#[test]
fn without_the_feature_rsa_is_refused_by_name() {
    let verified = verify_at(&[data!("rsa.der")], data!("rsa-root.der"), NOW, "server.test");
    assert_eq!(verified, Err(Fault::Unsupported));
}

#[cfg(feature = "rsa")]
#[test]
fn signatures_of_rsa_are_verified() {
    let verified = |own: &[u8]| verify_at(&[own], data!("rsa-root.der"), NOW, "server.test");
    assert_eq!(verified(data!("rsa.der")), Ok(()), "PKCS #1 over SHA-512");
    let mut changed = data!("rsa.der").to_vec();
    *changed.last_mut().unwrap() ^= 1;
    assert_eq!(verified(&changed), Err(Fault::BadSignature));
}
