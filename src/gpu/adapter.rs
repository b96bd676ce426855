//! The list of the GPUs that drivers offer.

use super::AdapterKind;
use super::offer::{Card, Offer, address, cards};

/// A GPU that some driver offers, not yet opened.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Adapter {
    /// Index in the list of [`adapters`], from 0: the number in the engine's name, such as `gpu:0`.
    pub number: u8,
    /// Name of the GPU, as the driver reports it.
    pub name: String,
    /// Kind of the GPU, as far as the driver reports it.
    pub kind: AdapterKind,
    /// Interface to the driver: `vulkan`, `dx12` or `metal`.
    pub backend: &'static str,
    /// Name and version of the driver.
    pub driver: String,
    /// Other interfaces that offer this GPU and are not used; on Windows, where most GPUs are
    /// offered through `vulkan` and `dx12`, it is `vulkan` that is used.
    pub also_through: Vec<OtherInterface>,
    /// PCI vendor ID: 0x10de for NVIDIA, 0x1002 for AMD, 0x8086 for Intel.
    pub vendor: u32,
    /// PCI device ID, the maker's number of the model; cards of one name may have several.
    pub device: u32,
    /// PCI address, such as `0000:01:00.0`; empty if the driver does not report it.
    /// DirectX 12 does not report those of several equal GPUs.
    pub pci_bus_id: String,
    /// Maximum size of a buffer, in bytes.
    pub max_buffer_bytes: u64,
    /// Maximum number of bytes that a kernel can address in one buffer.
    pub max_binding_bytes: u64,
    /// Maximum size of the memory that the threads of a workgroup share, in bytes.
    pub max_shared_bytes: u32,
    /// Maximum number of threads in a workgroup.
    pub max_group_threads: u32,
    /// Optional features that some workload uses: `timestamps`, `f16`, `subgroups`,
    /// `cooperative-matrix`.
    pub features: Vec<&'static str>,
    /// Side lengths, 8 or 16, of the square blocks that its matrix units multiply from f16 to f32;
    /// empty if there are none.
    pub matrix_blocks: Vec<u32>,
    /// Maximum size of a subgroup, the number of threads that compute in step.
    pub subgroup: u32,
    pub(super) inner: wgpu::Adapter,
}

/// Another interface that offers the GPU of an [`Adapter`] and is not used.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct OtherInterface {
    /// Interface to the driver: `dx12` beside an adapter of `vulkan`.
    pub backend: &'static str,
    /// Name and version of the driver.
    pub driver: String,
}

/// The features that [`Adapter::features`] lists, with their names there.
const FEATURES: [(wgpu::Features, &str); 4] = [
    (wgpu::Features::TIMESTAMP_QUERY, "timestamps"),
    (wgpu::Features::SHADER_F16, "f16"),
    (wgpu::Features::SUBGROUP, "subgroups"),
    (wgpu::Features::EXPERIMENTAL_COOPERATIVE_MATRIX, "cooperative-matrix"),
];

/// Returns the features that are requested where the GPU has them.
pub(super) fn features() -> wgpu::Features {
    FEATURES.iter().fold(wgpu::Features::PIPELINE_CACHE, |all, feature| all | feature.0)
}

/// Lists all GPUs of this machine, software last.
///
/// The list is the same each time as long as the machine and its drivers are; it is empty if there
/// is no driver. A GPU that is offered through two interfaces, as on Windows, is listed once, with
/// the other one in [`Adapter::also_through`].
#[must_use]
pub fn adapters() -> Vec<Adapter> {
    let mut descriptor = wgpu::InstanceDescriptor::new_without_display_handle();
    // Validation layers, where they are installed, would be measured too.
    descriptor.flags = wgpu::InstanceFlags::empty();
    let backends = wgpu::Backends::VULKAN | wgpu::Backends::DX12 | wgpu::Backends::METAL;
    descriptor.backends = backends;
    let instance = wgpu::Instance::new(descriptor);
    let found = pollster::block_on(instance.enumerate_adapters(backends));
    let offers = found.into_iter().map(Adapter::new).map(|adapter| (adapter.offer(), adapter));
    let cards = cards(offers.collect());
    (0..u8::MAX).zip(cards).map(|(number, card)| Adapter::of_card(number, card)).collect()
}

impl Adapter {
    fn new(inner: wgpu::Adapter) -> Self {
        let info = inner.get_info();
        let limits = inner.limits();
        let has = |&(feature, _): &(wgpu::Features, _)| inner.features().contains(feature);
        Self {
            number: 0,
            name: info.name,
            kind: info.device_type.into(),
            backend: info.backend.to_str(),
            driver: join(&info.driver, &info.driver_info),
            also_through: Vec::new(),
            vendor: info.vendor,
            device: info.device,
            pci_bus_id: info.device_pci_bus_id,
            max_buffer_bytes: limits.max_buffer_size,
            max_binding_bytes: limits.max_storage_buffer_binding_size,
            max_shared_bytes: limits.max_compute_workgroup_storage_size,
            max_group_threads: limits.max_compute_invocations_per_workgroup,
            matrix_blocks: matrix_blocks(&inner),
            subgroup: info.subgroup_max_size,
            features: FEATURES.iter().filter(|feature| has(feature)).map(|f| f.1).collect(),
            inner,
        }
    }

    fn offer(&self) -> Offer {
        Offer {
            backend: self.backend,
            kind: self.kind,
            address: address(&self.pci_bus_id),
            name: self.name.clone(),
            driver: self.driver.clone(),
        }
    }

    fn of_card(number: u8, card: Card<Self>) -> Self {
        let other = |offer: Offer| OtherInterface { backend: offer.backend, driver: offer.driver };
        Self {
            number,
            pci_bus_id: card.used.address.unwrap_or_default(),
            also_through: card.others.into_iter().map(other).collect(),
            ..card.device
        }
    }
}

fn matrix_blocks(adapter: &wgpu::Adapter) -> Vec<u32> {
    use wgpu::CooperativeScalarType as Scalar;
    let properties = adapter.cooperative_matrix_properties();
    let fits = properties.iter().filter(|it| {
        let square = it.m_size == it.n_size && it.n_size == it.k_size;
        square && it.ab_type == Scalar::F16 && it.cr_type == Scalar::F32
    });
    let mut sides: Vec<_> =
        fits.map(|it| it.m_size).filter(|side| [8, 16].contains(side)).collect();
    sides.sort_unstable();
    sides.dedup();
    sides
}

/// Joins the name and version of a driver; some report one of them only.
fn join(name: &str, version: &str) -> String {
    match (name, version) {
        ("", only) | (only, "") => only.to_owned(),
        (name, version) => format!("{name} {version}"),
    }
}
