//! What devices do by their data sheets.

/// Bytes in a GiB.
pub(crate) const GIB: f64 = 1_073_741_824.0;

/// What a device does by its data sheet.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Sheet {
    /// A mining machine.
    Miner {
        /// Rated hash rate, in hashes per second.
        hashes_per_second: f64,
    },
    /// A graphics card, or an accelerator.
    Card {
        /// Memory, in bytes.
        memory_bytes: f64,
        /// Bandwidth of the memory, in bytes per second.
        bytes_per_second: f64,
        /// Rate of f32 arithmetic, in operations per second, a fused multiply-add counted as two.
        f32_per_second: f64,
        /// Rate of f16 matrix products, in operations per second; `None` where f16 is not faster than
        /// f32.
        f16_per_second: Option<f64>,
        /// Bandwidth of the link to the host in one direction, in bytes per second.
        link_bytes_per_second: f64,
        /// Rate of fused multiply-adds by that of multiplications and additions apart, 0 to 1; less than
        /// 1 where they are throttled.
        fma_share: f64,
    },
}
