//! The GPUs of this machine: which there are, and one opened for work.
//!
//! Everything that runs on a GPU goes through here and through wgpu, which has Vulkan, DirectX 12
//! and Metal under it. Finding out what there is (`adapters`) loads the drivers and takes tens of
//! milliseconds; opening one is for whoever has work. A driver that computes on the processor is
//! listed and called `Kind::Software`: good for tests, never chosen by itself.
//!
//! A build without the feature `gpu` has [`DeviceError`] alone.

#[cfg(feature = "gpu")]
mod adapter;
#[cfg(feature = "gpu")]
mod context;
mod error;
#[cfg(feature = "gpu")]
mod guard;

#[cfg(feature = "gpu")]
pub use self::adapter::{Adapter, Kind, adapters};
#[cfg(feature = "gpu")]
pub(crate) use self::context::{Buffers, Context, Kernel, PATIENCE, Prepared, Span};
pub use self::error::DeviceError;
#[cfg(feature = "gpu")]
pub(crate) use self::guard::{Guarded, Health};
