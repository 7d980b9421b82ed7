//! `Debug` and `defmt::Format` by name alone.

/// Implements `Debug` for types whose fields say nothing to a reader: the name alone. Where this crate has the feature
/// `defmt`, it implements `defmt::Format` as well.
///
/// ```
/// struct Queue<'a, T>(&'a [T]);
/// barertc_wire::opaque! { [T] Queue<'_, T>; }
/// assert_eq!(format!("{:?}", Queue(&[1])), "Queue { .. }");
/// ```
#[doc(hidden)]
#[macro_export]
macro_rules! opaque {
    ($([$($generics:tt)*] $name:ident $(<$($arg:tt),*>)?;)+) => {$(
        impl<$($generics)*> core::fmt::Debug for $name $(<$($arg),*>)? {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                f.debug_struct(stringify!($name)).finish_non_exhaustive()
            }
        }
        $crate::opaque_format! { [$($generics)*] $name $(<$($arg),*>)? }
    )+};
}

#[cfg(feature = "defmt")]
#[doc(hidden)]
#[macro_export]
macro_rules! opaque_format {
    ([$($generics:tt)*] $name:ident $(<$($arg:tt),*>)?) => {
        impl<$($generics)*> $crate::defmt::Format for $name $(<$($arg),*>)? {
            fn format(&self, f: $crate::defmt::Formatter<'_>) {
                $crate::defmt::Format::format(stringify!($name), f);
            }
        }
    };
}

#[cfg(not(feature = "defmt"))]
#[doc(hidden)]
#[macro_export]
macro_rules! opaque_format {
    ($($ignored:tt)*) => {};
}
