//! The smallest useful link-in: a header goes in, a share comes out, and it can be stopped.
//!
//! `cargo run --release --no-default-features --example embed`

use std::error::Error;
use std::thread;
use std::time::Duration;

use perjoule::block::{Header, Target};
use perjoule::search::{End, Search, SearchControl, Stop, Workers};

fn main() -> Result<(), Box<dyn Error>> {
    // Once per process: measures the engines and starts the threads.
    let workers = Workers::best()?;

    // Once per piece of work. Here any hash below 2^232 will do, about one in sixteen million.
    let header = Header::from_bytes([0x20; Header::LEN]);
    let target = Target::from_hex(&format!("000000ff{}", "f".repeat(56)))?;
    let search = Search::new(header, target);

    // From any thread, whenever there is something better to do.
    let stop = Stop::default();
    let giving_up = stop.clone();
    thread::spawn(move || {
        thread::sleep(Duration::from_mins(1));
        giving_up.stop();
    });

    let outcome = search.first(&workers, SearchControl::default().stop(&stop));
    match (outcome.shares.first(), outcome.end) {
        (Some(share), _) => println!("nonce {} hash {}", share.header().nonce(), share.hash()),
        (None, End::Exhausted) => return Err("no nonce of this header meets the target".into()),
        (None, _) => return Err("stopped before a share was found".into()),
    }
    println!("{} hashes", outcome.hashes);
    Ok(())
}
