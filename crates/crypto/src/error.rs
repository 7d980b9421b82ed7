//! One error type for each operation that can fail. [`Error`] can hold each of them.

use core::fmt;

macro_rules! failures {
    ($($(#[$doc:meta])* $name:ident = $text:literal;)*) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Copy, Debug, PartialEq, Eq)]
            #[cfg_attr(feature = "defmt", derive(defmt::Format))]
            pub struct $name;

            impl fmt::Display for $name {
                fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                    f.write_str($text)
                }
            }

            impl core::error::Error for $name {}

            impl From<$name> for Error {
                fn from(_: $name) -> Self {
                    Self::$name
                }
            }
        )*

        /// Any error of this crate.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[cfg_attr(feature = "defmt", derive(defmt::Format))]
        #[non_exhaustive]
        pub enum Error {
            $($(#[$doc])* $name,)*
        }

        impl fmt::Display for Error {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self {
                    $(Self::$name => fmt::Display::fmt(&$name, f),)*
                }
            }
        }

        impl core::error::Error for Error {}
    };
}

failures! {
    /// The cipher has no keys of this length.
    KeyLength = "the cipher has no key of this length";
    /// The authentication tag does not match: the data are forged, damaged or encrypted with another key.
    BadTag = "the authentication tag does not fit";
    /// The signature is not valid for this message and this key, or the key is not a point of the curve.
    BadSignature = "the signature does not fit";
    /// The peer's public key is not an uncompressed point of the curve.
    InvalidPoint = "the public key is not a point of the curve";
    /// The secret is zero or not smaller than the order of the curve.
    InvalidScalar = "the secret is not a scalar of the curve";
    /// The peer's public key is a point of small order. Everybody could compute the shared secret.
    SmallOrder = "the public key is of small order";
    /// The output or the list of inputs is longer than the key derivation allows.
    TooLong = "the derivation has no output of this length";
    /// The bytes are not the DER of an ECDSA signature.
    BadDer = "not the DER of an ECDSA signature";
}
