//! How long a refused sign-in takes, by why it is refused: whoever measures it must not learn who exists.
//!
//! The ways are taken in turn, another one first each time, so that a machine that gets slower does so for all. The limit
//! is that medians differ by less than five in a hundred; it is printed, and the exit status says whether it held.
#![allow(clippy::unwrap_used, reason = "a benchmark that unwraps fails with the position")]

use std::process::ExitCode;
use std::time::{Duration, Instant};

use argos_core::api::{CreateUser, SignIn, UpdateUser};
use argos_core::clock::{Clock, Timestamp};
use argos_core::schema::{Actor, Role};
use argos_core::store::Origin;
use argos_core::{Argos, Options};

const SAMPLES: usize = 500;
const PASSWORD: &str = "sturdy-lantern-47";
/// Longer than any pause of a name.
const PAUSE_MS: i64 = 24 * 3_600_000;

fn main() -> ExitCode {
    let folder = tempfile::tempdir().unwrap();
    let clock = Clock::manual(Timestamp(1_800_000_000_000));
    let options = Options { clock: clock.clone(), crs: Some("baseline".into()), ..Options::new(folder.path()) };
    let argos = Argos::open(options).unwrap();
    let add = |name: &str, password| argos.users().create(CreateUser::new(name, Role::User, password)).unwrap();
    add("exists", Some(PASSWORD));
    add("single", None);
    let off = add("off", Some(PASSWORD)).value.id;
    argos.users().update(UpdateUser { enabled: Some(false), ..UpdateUser::new(off) }).unwrap();
    let ways = [
        ("no such user", "nobody"),
        ("the user is disabled", "off"),
        ("the user has no password", "single"),
        ("wrong password", "exists"),
    ];
    let mut times: [Vec<Duration>; 4] = Default::default();
    for n in 0..SAMPLES {
        for turn in 0..ways.len() {
            let way = (n + turn) % ways.len();
            // No limit is met: every failure of before is too long ago.
            clock.set(Timestamp(clock.now().0 + PAUSE_MS + 1));
            let origin = Origin { source_ip: format!("192.0.2.{}", n % 250), ..Origin::default() };
            let asked = argos.acting(Actor::Anonymous, origin);
            let sign_in = SignIn::new(ways[way].1, "feeble-lantern-47".to_owned());
            let began = Instant::now();
            let refused = asked.auth().login(sign_in).unwrap_err();
            times[way].push(began.elapsed());
            assert_eq!(refused.code(), "login.failed");
        }
    }
    let mut medians = Vec::new();
    for ((name, _), times) in ways.iter().zip(&mut times) {
        times.sort_unstable();
        let at = |part: usize| times[times.len() * part / 100].as_secs_f64() * 1000.0;
        println!("{name:>26}: median {:.3} ms, middle half {:.3}–{:.3} ms", at(50), at(25), at(75));
        medians.push(at(50));
    }
    let (least, most) = (medians.iter().copied().fold(f64::MAX, f64::min), medians.iter().copied().fold(0.0, f64::max));
    let differ = most / least - 1.0;
    println!("medians of {SAMPLES} tries each differ by {:.2} %; the limit is 5 %", differ * 100.0);
    if differ < 0.05 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
