//! Every test of the crate against other programs, in one program.

mod openssl;
