//! An agent without the feature `turn`: servers are refused by name, and so is a configuration that needs one. Without
//! relays the rest works. `cargo test -p barertc-ice --no-default-features --test without_turn`.

#[cfg(not(feature = "turn"))]
mod refused {
    use barertc_arena::Global;
    use barertc_crypto::RustCrypto;
    use barertc_crypto::rand_core::{TryCryptoRng, TryRng};
    use barertc_ice::{Agent, Candidate, Config, Error, Event, GatheringState, Protocol, TurnServer};
    use barertc_wire::{ConfigError, Instant, Rule};

    struct Rng(u64);

    impl TryRng for Rng {
        type Error = core::convert::Infallible;
        fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
            Ok(self.try_next_u64()? as u32)
        }
        fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            Ok(self.0 >> 11)
        }
        fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Self::Error> {
            out.iter_mut().try_for_each(|byte| Ok(*byte = self.try_next_u32()? as u8))
        }
    }

    impl TryCryptoRng for Rng {}

    fn agent(config: Config) -> Result<Agent<Global, RustCrypto>, Error> {
        Agent::new(config, true, Global, RustCrypto, &mut Rng(7))
    }

    #[test]
    fn a_server_is_refused_and_gathering_goes_on_without_it() {
        let (now, addr) = (Instant::ZERO, ([192, 0, 2, 1], 3_478).into());
        let mut agent = agent(Config::default()).unwrap();
        agent.add_local(now, Candidate::host(([10, 0, 0, 1], 4_000).into())).unwrap();
        let server = TurnServer { addr, protocol: Protocol::Udp, username: "u", password: "p", ipv6: false };
        let refused = agent.add_turn_server(now, &server).unwrap_err();
        assert_eq!(refused.to_string(), "too many TURN servers: the feature `turn` is off: the limit is 0");
        assert_eq!(agent.renew_turn_server(now, &server), Err(Error::UnknownServer(addr)));
        agent.gather(now).unwrap();
        let events: Vec<_> = std::iter::from_fn(|| agent.poll_event()).collect();
        assert!(events.contains(&Event::Gathering(GatheringState::Complete)), "{events:?}");
    }

    #[test]
    fn a_configuration_with_relays_is_refused() {
        let refused = |config: Config, rule, value| {
            let error = ConfigError { field: "max_relays", rule, value };
            assert_eq!(config.check(), Err(error));
            assert_eq!(agent(config).err(), Some(Error::Config(error)));
        };
        refused(Config { max_relays: 1, ..Config::default() }, Rule::AtMost(0), 1);
        refused(Config { max_relays: 1, relay_only: true, ..Config::default() }, Rule::AtMost(0), 1);
        refused(Config { relay_only: true, ..Config::default() }, Rule::AtLeast(1), 0);
        assert_eq!(Config::default().check(), Ok(()));
    }
}
