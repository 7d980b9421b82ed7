//! Loudspeakers and microphones.

/// A device that plays blocks of sound: an I2S channel, or a sound card.
#[allow(async_fn_in_trait)] // The futures stay with the caller, who knows whether they have to be `Send`.
pub trait Speaker {
    /// What can go wrong.
    type Error;

    /// Samples a second.
    fn sample_rate(&self) -> u32;

    /// Takes a block, and waits until there is room for the next one: this is the clock of what is played.
    ///
    /// # Errors
    /// The device's.
    async fn play(&mut self, block: &[i16]) -> Result<(), Self::Error>;
}

/// A device that records blocks of sound.
#[allow(async_fn_in_trait)] // As above.
pub trait Microphone {
    /// What can go wrong.
    type Error;

    /// Samples a second.
    fn sample_rate(&self) -> u32;

    /// Waits until the block is full.
    ///
    /// # Errors
    /// The device's.
    async fn record(&mut self, block: &mut [i16]) -> Result<(), Self::Error>;
}
