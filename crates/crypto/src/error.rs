//! One small error for each operation that can fail, and [`Error`] that all of them turn into.

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

        /// Whatever of this crate's operations failed.
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
    /// A key of a length that the cipher doesn't have.
    KeyLength = "the cipher has no key of this length";
    /// The authentication tag is not that of the data: forged, damaged or encrypted under another key.
    BadTag = "the authentication tag does not fit";
    /// The signature is not one of this message under this key, or the key is not a point of the curve.
    BadSignature = "the signature does not fit";
    /// The peer's public key is not an uncompressed point of the curve.
    InvalidPoint = "the public key is not a point of the curve";
    /// The secret is zero or not smaller than the order of the curve.
    InvalidScalar = "the secret is not a scalar of the curve";
    /// The peer's public key is of small order, and the shared secret would be known to everybody.
    SmallOrder = "the public key is of small order";
    /// More output was asked for than the derivation has.
    TooLong = "the derivation has no output of this length";
    /// The bytes are not the DER of an ECDSA signature.
    BadDer = "not the DER of an ECDSA signature";
}
