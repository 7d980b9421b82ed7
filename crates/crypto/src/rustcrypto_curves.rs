//! RustCrypto's curves (feature `rustcrypto-curves`), in place of those of `barertc-curves`.

/// P-256.
pub(crate) mod nist256 {
    use ecdsa::hazmat;
    use p256::elliptic_curve::sec1::ToSec1Point;
    use p256::{FieldBytes, NistP256, ProjectivePoint, PublicKey, SecretKey};

    use crate::error::{BadSignature, InvalidPoint};

    /// The public key; zeros for bytes that are no secret, which a `P256Secret` never holds.
    pub(crate) fn public(secret: &[u8; 32]) -> [u8; 65] {
        let mut out = [0; 65];
        if let Ok(key) = SecretKey::from_slice(secret) {
            let point = key.public_key().to_sec1_point(false);
            out.iter_mut().zip(point.as_bytes()).for_each(|(to, from)| *to = *from);
        }
        out
    }

    pub(crate) fn agree(secret: &[u8; 32], peer: &[u8]) -> Result<[u8; 32], InvalidPoint> {
        let key = SecretKey::from_slice(secret).map_err(|_| InvalidPoint)?;
        Ok((*key.diffie_hellman(&public_key(peer)?).raw_secret_bytes()).into())
    }

    /// The signature; zeros, which never verify, for bytes that are no secret.
    pub(crate) fn sign_with(secret: &[u8; 32], digest: &[u8; 32], additional: &[u8]) -> [u8; 64] {
        let Ok(key) = SecretKey::from_slice(secret) else { return [0; 64] };
        // Not through `SigningKey`: making one computes the public key, which costs as much as the signature.
        let d = key.to_nonzero_scalar();
        let (signature, _) = hazmat::sign_prehashed_rfc6979::<NistP256, sha2::Sha256>(&d, digest, additional);
        signature.to_bytes().into()
    }

    pub(crate) fn verify(public: &[u8], digest: &[u8; 32], signature: &[u8; 64]) -> Result<(), BadSignature> {
        let point = ProjectivePoint::from(*public_key(public).map_err(|_| BadSignature)?.as_affine());
        let [r, s] = [0, 32].map(|at| {
            let mut half = FieldBytes::default();
            half.iter_mut().zip(signature.iter().skip(at)).for_each(|(to, from)| *to = *from);
            half
        });
        let signature = ecdsa::Signature::<NistP256>::from_scalars(r, s).map_err(|_| BadSignature)?;
        hazmat::verify_prehashed(&point, digest, &signature).map_err(|_| BadSignature)
    }

    fn public_key(sec1: &[u8]) -> Result<PublicKey, InvalidPoint> {
        match sec1.split_first() {
            Some((4, rest)) if rest.len() == 64 => PublicKey::from_sec1_bytes(sec1).map_err(|_| InvalidPoint),
            _ => Err(InvalidPoint),
        }
    }
}

/// X25519.
pub(crate) mod curve25519 {
    use x25519_dalek::{PublicKey, StaticSecret};

    use crate::compare::constant_time_eq;
    use crate::error::SmallOrder;

    pub(crate) fn public(secret: &[u8; 32]) -> [u8; 32] {
        PublicKey::from(&StaticSecret::from(*secret)).to_bytes()
    }

    pub(crate) fn agree(secret: &[u8; 32], peer: &[u8; 32]) -> Result<[u8; 32], SmallOrder> {
        let shared = StaticSecret::from(*secret).diffie_hellman(&PublicKey::from(*peer)).to_bytes();
        if constant_time_eq(&shared, &[0; 32]) { Err(SmallOrder) } else { Ok(shared) }
    }
}
