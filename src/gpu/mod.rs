//! The GPUs of this machine: the list of those that drivers offer, and devices opened for work.
//!
//! Everything that runs on a GPU goes through here and through wgpu, which uses Vulkan, DirectX 12
//! or Metal. Listing the GPUs (`adapters`) loads the drivers and takes tens of milliseconds; a
//! device is opened only for work. A driver that computes on the processor is listed as
//! `Kind::Software`: good for tests, never chosen by itself.
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
pub use self::adapter::{Adapter, AdapterKind, adapters};
#[cfg(feature = "gpu")]
pub(crate) use self::context::{Buffers, Context, Kernel, PATIENCE, Prepared, Span};
pub use self::error::DeviceError;
#[cfg(feature = "gpu")]
pub(crate) use self::guard::{Guarded, Health};
