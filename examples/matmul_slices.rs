//! Matrix products on one thread of the processor, in slices, each when it is asked for: so another
//! program can measure something else in turn, and both meet the same machine.
//!
//! `cargo run --release --example matmul_slices -- f32 1024`, and then a number of seconds a line.
//! Each line is answered by the operations that were done in about that time, and by the seconds
//! that they took.

use std::env;
use std::error::Error;
use std::io::{self, BufRead, Write};
use std::time::Duration;

use perjoule::workload::cpu::matmul::{Matmul, Precision};
use perjoule::workload::{Shape, Workload};

fn main() -> Result<(), Box<dyn Error>> {
    let [name, n] = <[String; 2]>::try_from(env::args().skip(1).collect::<Vec<_>>())
        .map_err(|_| "expected a precision and a side, as in: f32 1024")?;
    let precision = Precision::ALL.into_iter().find(|precision| precision.variant().name() == name);
    let precision = precision.ok_or("expected f64, f32, f16 or i8 as the precision")?;
    let mut matmul = Matmul::new(precision, Shape::square(n.parse()?)?, 1)?;

    for line in io::stdin().lock().lines() {
        let time = Duration::try_from_secs_f64(line?.trim().parse()?)?;
        // Brings back into the caches what was driven out of them meanwhile.
        matmul.run(Duration::ZERO)?;
        let done = matmul.run(time)?;
        matmul.check()?;
        println!("{} {}", done.work.value(), done.took.as_secs_f64());
        io::stdout().flush()?;
    }
    Ok(())
}
