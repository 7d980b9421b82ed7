//! The published vectors of every primitive.

use barertc_crypto::selftest;
use barertc_crypto_host::AwsLc;

#[test]
fn aws_lc_gives_the_published_results() {
    assert_eq!(selftest::run_with(&AwsLc::new()), Ok(()));
}
