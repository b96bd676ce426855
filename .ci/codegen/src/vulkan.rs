//! Compilers of Vulkan drivers, by what the drivers tell of pipelines. AMD's, ACO, is asked without a card: Mesa's RADV
//! has a *null device* of each family, which compiles everything and runs nothing.

use std::ffi::{CStr, CString};
use std::path::Path;
use std::time::{Duration, Instant};

use ash::{Entry, khr, vk};

use crate::code::Instruction;
use crate::kernel::{Binding, Kernel};
use crate::listing::{Compiled, listing};
use crate::subjects::Needs;

/// An opened device, of which pipelines are made and never run.
pub struct Device {
    // It is what functions of the others are loaded from, and has to outlive them.
    _entry: Entry,
    instance: ash::Instance,
    device: ash::Device,
    executables: khr::pipeline_executable_properties::Device,
    name: String,
    has_f16: bool,
    has_blocks: bool,
}

const EXTENSIONS: [&CStr; 7] = [
    khr::pipeline_executable_properties::NAME,
    khr::cooperative_matrix::NAME,
    khr::shader_float16_int8::NAME,
    khr::_16bit_storage::NAME,
    khr::vulkan_memory_model::NAME,
    khr::shader_integer_dot_product::NAME,
    c"VK_EXT_robustness2",
];

impl Device {
    /// Opens a null device of a family, by the name that the driver at `icd`, a description of it, gives it.
    pub fn open(icd: &Path, family: &str) -> Result<Self, String> {
        // SAFETY: this program has one thread.
        unsafe {
            std::env::set_var("VK_DRIVER_FILES", icd);
            std::env::set_var("RADV_FORCE_FAMILY", family);
        }
        Self::open_first().map_err(|error| format!("{family}: {error}"))
    }

    /// Opens the first device that there is.
    pub fn open_first() -> Result<Self, String> {
        // SAFETY: the loader's library is a Vulkan loader, and all that is called below is called as Vulkan wants it:
        // structures are chained and live until the call returns, and each object is made by the one it is used with.
        unsafe { Self::open_unchecked() }.map_err(|error| error.to_string())
    }

    /// # Safety
    ///
    /// `libvulkan.so.1` has to be a Vulkan loader.
    unsafe fn open_unchecked() -> Result<Self, Box<dyn std::error::Error>> {
        // SAFETY: structures are chained and live until the call returns, and each object is made by the one it is
        // used with.
        unsafe {
            let entry = Entry::load()?;
            let application = vk::ApplicationInfo::default().api_version(vk::API_VERSION_1_3);
            let create = vk::InstanceCreateInfo::default().application_info(&application);
            let instance = entry.create_instance(&create, None)?;
            let physical = *instance
                .enumerate_physical_devices()?
                .first()
                .ok_or("the driver offers no device")?;
            let offered = instance.enumerate_device_extension_properties(physical)?;
            let has =
                |name: &CStr| offered.iter().any(|it| it.extension_name_as_c_str() == Ok(name));
            let names: Vec<_> =
                EXTENSIONS.into_iter().filter(|name| has(name)).map(CStr::as_ptr).collect();
            let properties = instance.get_physical_device_properties(physical);
            let name = properties
                .device_name_as_c_str()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            if !has(khr::pipeline_executable_properties::NAME) {
                return Err("the driver does not show what it makes".into());
            }

            // Everything that there is, robust access to buffers too, which wgpu asks for as well.
            let mut of_11 = vk::PhysicalDeviceVulkan11Features::default();
            let mut of_12 = vk::PhysicalDeviceVulkan12Features::default();
            let mut of_13 = vk::PhysicalDeviceVulkan13Features::default();
            let mut of_blocks = vk::PhysicalDeviceCooperativeMatrixFeaturesKHR::default();
            let mut features = vk::PhysicalDeviceFeatures2::default()
                .push_next(&mut of_11)
                .push_next(&mut of_12)
                .push_next(&mut of_13);
            let blocks_are_known = has(khr::cooperative_matrix::NAME);
            if blocks_are_known {
                features = features.push_next(&mut of_blocks);
            }
            instance.get_physical_device_features2(physical, &mut features);
            let mut of_executables =
                vk::PhysicalDevicePipelineExecutablePropertiesFeaturesKHR::default()
                    .pipeline_executable_info(true);
            features = features.push_next(&mut of_executables);
            let queues = [vk::DeviceQueueCreateInfo::default()
                .queue_family_index(0)
                .queue_priorities(&[1.0])];
            let create = vk::DeviceCreateInfo::default()
                .queue_create_infos(&queues)
                .enabled_extension_names(&names)
                .push_next(&mut features);
            let device = instance.create_device(physical, &create, None)?;
            let executables = khr::pipeline_executable_properties::Device::new(&instance, &device);
            let has_f16 =
                of_12.shader_float16 == vk::TRUE && of_11.storage_buffer16_bit_access == vk::TRUE;
            let has_blocks = of_blocks.cooperative_matrix == vk::TRUE;
            Ok(Self { _entry: entry, instance, device, executables, name, has_f16, has_blocks })
        }
    }

    pub fn has(&self, needs: Needs) -> bool {
        match needs {
            Needs::Nothing => true,
            Needs::F16 => self.has_f16,
            Needs::Blocks => self.has_blocks,
        }
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// Compiles a kernel by AMD's driver.
    pub fn compile(&self, kernel: &Kernel, entry: &str) -> Result<Compiled, String> {
        self.look(kernel, entry, |info, took| {
            let mut compiled = Compiled {
                code: self.assembly(info)?,
                instructions: 0,
                registers: 0,
                spills: 0,
                waves: 0,
                bytes: 0,
                took,
            };
            for (name, value) in self.statistics_of(info)? {
                let value = value as u64;
                match &*name {
                    "Instructions" => compiled.instructions = value,
                    "VGPRs" => compiled.registers = value,
                    "Spilled VGPRs" | "Spilled SGPRs" | "Scratch size" => compiled.spills += value,
                    "Subgroups per SIMD" => compiled.waves = value,
                    "Code size" => compiled.bytes = value,
                    _ => {}
                }
            }
            Ok(compiled)
        })
    }

    /// Compiles a kernel, and returns how long that took and all that the driver tells of it.
    pub fn statistics(
        &self,
        kernel: &Kernel,
        entry: &str,
    ) -> Result<(Duration, Vec<String>), String> {
        self.look(kernel, entry, |info, took| {
            let all = self.statistics_of(info)?;
            Ok((took, all.into_iter().map(|(name, value)| format!("{name} {value}")).collect()))
        })
    }

    fn look<T>(
        &self,
        kernel: &Kernel,
        entry: &str,
        look: impl FnOnce(&vk::PipelineExecutableInfoKHR<'_>, Duration) -> Result<T, vk::Result>,
    ) -> Result<T, String> {
        let words = kernel.spirv()?;
        // SAFETY: the module is what naga wrote and validated, the layout has its bindings, and all objects are of this
        // device.
        unsafe { self.look_unchecked(&words, &kernel.bindings(), entry, look) }
            .map_err(|error| format!("the driver refuses the kernel: {error}"))
    }

    /// # Safety
    ///
    /// `words` has to be a valid module with these bindings and this entry point.
    unsafe fn look_unchecked<T>(
        &self,
        words: &[u32],
        bindings: &[Binding],
        entry: &str,
        look: impl FnOnce(&vk::PipelineExecutableInfoKHR<'_>, Duration) -> Result<T, vk::Result>,
    ) -> Result<T, vk::Result> {
        let device = &self.device;
        // SAFETY: as the caller promises, and all objects are of this device.
        unsafe {
            let module = device
                .create_shader_module(&vk::ShaderModuleCreateInfo::default().code(words), None)?;
            let bindings: Vec<_> = bindings
                .iter()
                .map(|&Binding { number, is_uniform }| {
                    let kind = if is_uniform {
                        vk::DescriptorType::UNIFORM_BUFFER
                    } else {
                        vk::DescriptorType::STORAGE_BUFFER
                    };
                    vk::DescriptorSetLayoutBinding::default()
                        .binding(number)
                        .descriptor_count(1)
                        .stage_flags(vk::ShaderStageFlags::COMPUTE)
                        .descriptor_type(kind)
                })
                .collect();
            let create = vk::DescriptorSetLayoutCreateInfo::default().bindings(&bindings);
            let sets = [device.create_descriptor_set_layout(&create, None)?];
            let layout = device.create_pipeline_layout(
                &vk::PipelineLayoutCreateInfo::default().set_layouts(&sets),
                None,
            )?;
            let name = CString::new(entry).expect("names have no zeros");
            let stage = vk::PipelineShaderStageCreateInfo::default()
                .stage(vk::ShaderStageFlags::COMPUTE)
                .module(module)
                .name(&name);
            let flags = vk::PipelineCreateFlags::CAPTURE_STATISTICS_KHR
                | vk::PipelineCreateFlags::CAPTURE_INTERNAL_REPRESENTATIONS_KHR;
            let create =
                vk::ComputePipelineCreateInfo::default().layout(layout).flags(flags).stage(stage);
            let start = Instant::now();
            let made = device.create_compute_pipelines(vk::PipelineCache::null(), &[create], None);
            let took = start.elapsed();
            let pipeline = made.map_err(|(_, error)| error)?[0];

            let info = vk::PipelineExecutableInfoKHR::default().pipeline(pipeline);
            let result = look(&info, took);
            device.destroy_pipeline(pipeline, None);
            device.destroy_pipeline_layout(layout, None);
            device.destroy_descriptor_set_layout(sets[0], None);
            device.destroy_shader_module(module, None);
            result
        }
    }

    /// Returns the numbers that the driver tells of a pipeline, of all of its parts.
    fn statistics_of(
        &self,
        info: &vk::PipelineExecutableInfoKHR<'_>,
    ) -> Result<Vec<(String, f64)>, vk::Result> {
        // SAFETY: the pipeline is one of this device, and was asked to keep them.
        let told = unsafe { self.executables.get_pipeline_executable_statistics(info) }?;
        let number = |it: &vk::PipelineExecutableStatisticKHR<'_>| {
            // SAFETY: the format says which field was written.
            unsafe {
                match it.format {
                    vk::PipelineExecutableStatisticFormatKHR::UINT64 => it.value.u64 as f64,
                    vk::PipelineExecutableStatisticFormatKHR::INT64 => it.value.i64 as f64,
                    vk::PipelineExecutableStatisticFormatKHR::FLOAT64 => it.value.f64,
                    _ => f64::from(it.value.b32),
                }
            }
        };
        let name = |it: &vk::PipelineExecutableStatisticKHR<'_>| {
            it.name_as_c_str().unwrap_or_default().to_string_lossy().into_owned()
        };
        Ok(told.iter().map(|it| (name(it), number(it))).collect())
    }

    fn assembly(
        &self,
        info: &vk::PipelineExecutableInfoKHR<'_>,
    ) -> Result<Vec<Instruction>, vk::Result> {
        let ask = self.executables.fp().get_pipeline_executable_internal_representations_khr;
        let device = self.device.handle();
        let mut count = 0;
        // SAFETY: the pipeline is one of this device, and was asked to keep them; each call is given as much room as the
        // one before it said.
        unsafe {
            ask(device, info, &mut count, std::ptr::null_mut()).result()?;
            let mut found =
                vec![vk::PipelineExecutableInternalRepresentationKHR::default(); count as usize];
            ask(device, info, &mut count, found.as_mut_ptr()).result()?;
            let mut texts: Vec<_> = found.iter().map(|it| vec![0_u8; it.data_size]).collect();
            for (it, text) in found.iter_mut().zip(&mut texts) {
                it.p_data = text.as_mut_ptr().cast();
            }
            ask(device, info, &mut count, found.as_mut_ptr()).result()?;
            let assembly =
                found.iter().zip(&texts).find(|(it, _)| it.name_as_c_str() == Ok(c"Assembly"));
            Ok(assembly.map_or_else(Vec::new, |(_, text)| {
                listing(&String::from_utf8_lossy(text), LABEL, INSTRUCTION, JUMP)
            }))
        }
    }
}

/// How the driver writes labels, instructions and where they jump to.
const LABEL: &str = r"^(BB\d+):";
const INSTRUCTION: &str = r"^\s+([a-z]+_[a-z0-9_]+)(.*?)(?:;.*)?$";
const JUMP: &str = r"^s_c?branch.*\b(BB\d+)";

impl Drop for Device {
    fn drop(&mut self) {
        // SAFETY: all that was made of them is destroyed already.
        unsafe {
            self.device.destroy_device(None);
            self.instance.destroy_instance(None);
        }
    }
}
