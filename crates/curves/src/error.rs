//! One small error for each thing that can be wrong.

use core::fmt;

macro_rules! errors {
    ($($(#[$doc:meta])* $name:ident = $text:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub struct $name;

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str($text)
            }
        }

        impl core::error::Error for $name {}
    )*};
}

errors! {
    /// The secret is zero or not below the order of the curve.
    InvalidScalar = "the secret is not a scalar of the curve";
    /// The bytes are not a point of the curve in a form that is read here.
    InvalidPoint = "the bytes are not a point of the curve";
    /// The signature is not one of this digest under this key.
    InvalidSignature = "the signature does not fit";
    /// The peer's public key is a point of small order: everybody would know the shared secret.
    SmallOrder = "the public key is of small order";
}
