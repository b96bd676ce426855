//! The GPUs that drivers offer.

use std::fmt;

/// A GPU that some driver offers, not yet opened.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Adapter {
    /// Its place in the list of this machine, from 0 on: the number in the engine's name.
    pub number: u8,
    /// What the driver calls it.
    pub name: String,
    /// What it is, as far as the driver says.
    pub kind: Kind,
    /// The interface to the driver: `vulkan`, `dx12` or `metal`.
    pub backend: &'static str,
    /// The driver and its version.
    pub driver: String,
    /// The number of its maker, as on the PCI bus: 0x10de of NVIDIA, 0x1002 of AMD, 0x8086 of Intel.
    pub vendor: u32,
    /// Where it sits, as in `0000:01:00.0`; empty where the driver does not say.
    pub pci_bus_id: String,
    /// Bytes that one buffer can have at the most.
    pub max_buffer_bytes: u64,
    /// Bytes that a kernel can reach in one buffer at the most.
    pub max_binding_bytes: u64,
    /// Bytes of memory that the threads of a workgroup can share at the most.
    pub max_shared_bytes: u32,
    /// Threads that a workgroup can have at the most.
    pub max_group_threads: u32,
    /// What it can do beyond what every GPU can, of what some workload makes use of.
    pub features: Vec<&'static str>,
    /// Sides of the square blocks that its matrix units multiply from f16 to f32: none, 8 or 16.
    pub matrix_blocks: Vec<u32>,
    /// Threads that compute in step.
    pub subgroup: u32,
    pub(super) inner: wgpu::Adapter,
}

/// What an [`Adapter`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A card with its own memory.
    Discrete,
    /// A part of the processor that shares its memory.
    Integrated,
    /// Passed on by a virtual machine.
    Virtual,
    /// The driver does not say.
    Unknown,
    /// No GPU: the driver computes on the processor.
    Software,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Discrete => "discrete",
            Self::Integrated => "integrated",
            Self::Virtual => "virtual",
            Self::Unknown => "unknown",
            Self::Software => "software",
        })
    }
}

impl From<wgpu::DeviceType> for Kind {
    fn from(kind: wgpu::DeviceType) -> Self {
        match kind {
            wgpu::DeviceType::DiscreteGpu => Self::Discrete,
            wgpu::DeviceType::IntegratedGpu => Self::Integrated,
            wgpu::DeviceType::VirtualGpu => Self::Virtual,
            wgpu::DeviceType::Cpu => Self::Software,
            wgpu::DeviceType::Other => Self::Unknown,
        }
    }
}

/// The features that are told of, and their names.
const FEATURES: [(wgpu::Features, &str); 4] = [
    (wgpu::Features::TIMESTAMP_QUERY, "timestamps"),
    (wgpu::Features::SHADER_F16, "f16"),
    (wgpu::Features::SUBGROUP, "subgroups"),
    (wgpu::Features::EXPERIMENTAL_COOPERATIVE_MATRIX, "cooperative-matrix"),
];

/// What is asked for where there is it.
pub(super) fn features() -> wgpu::Features {
    FEATURES.iter().fold(wgpu::Features::empty(), |all, feature| all | feature.0)
}

/// All GPUs of this machine, software last: the same list each time, as long as the machine and its
/// drivers are the same. Empty where there is no driver.
#[must_use]
pub fn adapters() -> Vec<Adapter> {
    let mut descriptor = wgpu::InstanceDescriptor::new_without_display_handle();
    // Validation layers, where they are installed, would be measured too.
    descriptor.flags = wgpu::InstanceFlags::empty();
    let backends = wgpu::Backends::VULKAN | wgpu::Backends::DX12 | wgpu::Backends::METAL;
    descriptor.backends = backends;
    let instance = wgpu::Instance::new(descriptor);
    let found = pollster::block_on(instance.enumerate_adapters(backends));
    let mut adapters: Vec<_> = found.into_iter().map(Adapter::new).collect();
    adapters
        .sort_by(|a, b| (a.kind, &a.pci_bus_id, &a.name).cmp(&(b.kind, &b.pci_bus_id, &b.name)));
    let mut once: Vec<Adapter> = Vec::new();
    for adapter in adapters {
        if !once.iter().any(|other| other.is_same_device(&adapter)) {
            once.push(adapter);
        }
    }
    once.truncate(u8::MAX.into());
    for (number, adapter) in (0..).zip(&mut once) {
        adapter.number = number;
    }
    once
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
            vendor: info.vendor,
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

    /// Whether both are one device under two interfaces, as on Windows.
    fn is_same_device(&self, other: &Self) -> bool {
        self.backend != other.backend
            && if self.pci_bus_id.is_empty() || other.pci_bus_id.is_empty() {
                self.name == other.name && self.kind == other.kind
            } else {
                self.pci_bus_id == other.pci_bus_id
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

/// Drivers give their name, their version, or both in both.
fn join(name: &str, version: &str) -> String {
    match (name, version) {
        ("", only) | (only, "") => only.to_owned(),
        (name, version) => format!("{name} {version}"),
    }
}
