//! The GPUs of this machine: the list of those that drivers offer, and devices opened for work.
//!
//! Everything that runs on a GPU goes through here and through wgpu, which uses Vulkan, DirectX 12
//! or Metal. `adapters()` lists the GPUs; it loads the drivers and takes tens of milliseconds. A
//! device is opened only for work, by `engine::gpu::Gpu::open` for a search and by
//! `workload::gpu::Device::open` for other workloads. A driver that computes on the processor is
//! listed as `AdapterKind::Software`: it is good for tests, and is never chosen unless asked for.
//!
//! A build without the cargo feature `gpu` has only [`DeviceError`].

#[cfg(feature = "gpu")]
mod adapter;
#[cfg(feature = "gpu")]
mod context;
mod error;
#[cfg(feature = "gpu")]
mod guard;
#[cfg(feature = "gpu")]
mod kind;
#[cfg(feature = "gpu")]
mod offer;
#[cfg(feature = "gpu")]
mod wait;

#[cfg(feature = "gpu")]
pub use self::adapter::{Adapter, OtherInterface, adapters};
#[cfg(feature = "gpu")]
pub(crate) use self::context::{Buffers, Context, Kernel, PATIENCE, Prepared, Span};
pub use self::error::DeviceError;
#[cfg(feature = "gpu")]
pub(crate) use self::guard::{Guarded, Health};
#[cfg(feature = "gpu")]
pub use self::kind::AdapterKind;
