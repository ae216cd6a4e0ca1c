//! Which faults, in which order: all once, then two at a time, chosen by the seed.

use fastrand::Rng;

use crate::faults::{Fault, Shot, Target};
use crate::options::Options;
use crate::world::World;

/// Every fault that can take place here, in random order; and those that cannot.
pub(crate) fn each(options: &Options, world: &World, rng: &mut Rng) -> (Vec<Shot>, Vec<(Fault, &'static str)>) {
    let (mut possible, mut skipped) = (Vec::new(), Vec::new());
    for fault in Fault::all().into_iter().filter(|fault| options.picks(*fault)) {
        match fault.impossible(world) {
            Some(why) => skipped.push((fault, why)),
            None => possible.push(fault),
        }
    }
    rng.shuffle(&mut possible);
    settle_broker(&mut possible);
    (possible.into_iter().map(|fault| Shot::choose(fault, world.workers.len(), rng)).collect(), skipped)
}

/// A RabbitMQ that is killed before its first orderly stop may not have written down which queues
/// there are, which no publisher could help: the restart comes first.
fn settle_broker(faults: &mut [Fault]) {
    let at = |fault| faults.iter().position(|other| *other == fault);
    if let (Some(restart), Some(kill)) = (at(Fault::BrokerRestart), at(Fault::BrokerKill))
        && kill < restart
    {
        faults.swap(kill, restart);
    }
}

/// Two faults for the same time, of different targets.
pub(crate) fn mix(possible: &[Shot], workers: usize, rng: &mut Rng) -> Vec<Shot> {
    let mut targets: Vec<Target> = Vec::new();
    let mut shots = Vec::new();
    let mut faults: Vec<Fault> = possible.iter().map(|shot| shot.fault).collect();
    rng.shuffle(&mut faults);
    for fault in faults {
        if shots.len() < 2 && !fault.targets().iter().any(|target| targets.contains(target)) {
            targets.extend(fault.targets());
            shots.push(Shot::choose(fault, workers, rng));
        }
    }
    shots
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_repeats_its_choices_and_a_mix_takes_different_things() {
        let possible: Vec<Shot> = Fault::all().into_iter().map(|fault| Shot { fault, worker: 0, passes: 0 }).collect();
        let mixes = |seed| {
            let mut rng = Rng::with_seed(seed);
            (0..50).map(|_| mix(&possible, 3, &mut rng)).collect::<Vec<_>>()
        };
        assert_eq!(mixes(7), mixes(7));
        assert_ne!(mixes(7), mixes(8));
        for shots in mixes(7) {
            let [one, other] = shots.as_slice() else { panic!("two faults, not {shots:?}") };
            assert!(!one.fault.targets().iter().any(|target| other.fault.targets().contains(target)));
        }
    }

    #[test]
    fn the_broker_is_restarted_before_it_is_killed() {
        let mut faults = [Fault::BrokerKill, Fault::KillApi, Fault::BrokerRestart];
        settle_broker(&mut faults);
        assert_eq!(faults, [Fault::BrokerRestart, Fault::KillApi, Fault::BrokerKill]);
    }
}
