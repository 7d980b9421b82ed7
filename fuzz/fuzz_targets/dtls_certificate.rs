//! Any certificate: it is parsed when an identity is imported, as a peer's is in a handshake.
#![no_main]

use barertc_crypto::RustCrypto;
use barertc_dtls::{Error, Identity};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|der: &[u8]| {
    let mut exported = b"BID1".to_vec();
    exported.extend([1; 32]);
    exported.extend((der.len() as u16).to_be_bytes());
    exported.extend(der);
    match Identity::import(&RustCrypto, &exported) {
        Ok(identity) => {
            assert_eq!(identity.certificate(), der);
            let mut again = [0; Identity::EXPORT_MAX];
            let len = identity.export(&mut again).unwrap();
            assert_eq!(again[..len], exported);
        }
        Err(error) => assert_eq!(error, Error::BadIdentity),
    }
});
