//! A kernel with its overrides set, in the languages that the compilers take.

use std::fs;
use std::path::Path;

use naga::back::{PipelineConstants, msl, pipeline_constants, spv};
use naga::proc::{BoundsCheckPolicies, BoundsCheckPolicy};
use naga::{AddressSpace, ShaderStage, valid};

use crate::subjects::Subject;

/// A kernel whose overrides are constants.
pub struct Kernel {
    module: naga::Module,
    info: valid::ModuleInfo,
    entry: &'static str,
}

/// A binding of a kernel: its number, and whether it is a uniform buffer.
pub struct Binding {
    pub number: u32,
    pub is_uniform: bool,
}

/// What a kernel is loaded with: nothing is checked, as in the crate.
const UNCHECKED: BoundsCheckPolicies = BoundsCheckPolicies {
    index: BoundsCheckPolicy::Unchecked,
    buffer: BoundsCheckPolicy::Unchecked,
    image_load: BoundsCheckPolicy::Unchecked,
    binding_array: BoundsCheckPolicy::Unchecked,
};

impl Kernel {
    /// Reads the kernel of a subject from its file in this folder.
    pub fn read(kernels: &Path, subject: &Subject) -> Result<Self, String> {
        let path = kernels.join(subject.file).with_extension("wgsl");
        let text =
            fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        Self::new(&text, subject)
    }

    /// Reads the kernel of `text` and sets its overrides.
    pub fn new(text: &str, subject: &Subject) -> Result<Self, String> {
        let capabilities = valid::Capabilities::all();
        let options = naga::front::wgsl::Options { parse_doc_comments: false, capabilities };
        let module = naga::front::wgsl::Frontend::new_with_options(options)
            .parse(text)
            .map_err(|error| error.emit_to_string(text))?;
        let info = valid::Validator::new(valid::ValidationFlags::all(), capabilities)
            .subgroup_stages(valid::ShaderStages::all())
            .subgroup_operations(valid::SubgroupOperationSet::all())
            .validate(&module)
            .map_err(|error| error.emit_to_string(text))?;
        let is_there =
            |name: &str| module.overrides.iter().any(|(_, it)| it.name.as_deref() == Some(name));
        if let Some((name, _)) = subject.overrides.iter().find(|(name, _)| !is_there(name)) {
            return Err(format!("{} has no override {name}", subject.file));
        }
        let constants: PipelineConstants =
            subject.overrides.iter().map(|&(name, value)| (name.to_owned(), value)).collect();
        let stage = (ShaderStage::Compute, subject.entry);
        let (module, info) =
            pipeline_constants::process_overrides(&module, &info, Some(stage), &constants)
                .map_err(|error| error.to_string())?;
        let (module, info) = (module.into_owned(), info.into_owned());
        Ok(Self { module, info, entry: subject.entry })
    }

    /// Writes it as wgpu does for Vulkan.
    pub fn spirv(&self) -> Result<Vec<u32>, String> {
        let options = spv::Options {
            lang_version: (1, 4),
            bounds_check_policies: UNCHECKED,
            zero_initialize_workgroup_memory: spv::ZeroInitializeWorkgroupMemoryMode::None,
            force_loop_bounding: false,
            emit_int_div_checks: false,
            ..Default::default()
        };
        let pipeline = spv::PipelineOptions {
            shader_stage: ShaderStage::Compute,
            entry_point: self.entry.to_owned(),
        };
        spv::write_vec(&self.module, &self.info, &options, Some(&pipeline))
            .map_err(|error| error.to_string())
    }

    /// Writes it in Metal's language, which is C++ with a few words more.
    pub fn metal(&self) -> Result<String, String> {
        let options = msl::Options {
            lang_version: (2, 4),
            fake_missing_bindings: true,
            bounds_check_policies: UNCHECKED,
            zero_initialize_workgroup_memory: false,
            force_loop_bounding: false,
            ..Default::default()
        };
        let pipeline = msl::PipelineOptions {
            entry_point: Some((ShaderStage::Compute, self.entry.to_owned())),
            ..Default::default()
        };
        msl::write_string(&self.module, &self.info, &options, &pipeline)
            .map(|(text, _)| text)
            .map_err(|error| error.to_string())
    }

    pub fn bindings(&self) -> Vec<Binding> {
        let of = |variable: &naga::GlobalVariable| {
            let number = variable.binding.as_ref()?.binding;
            Some(Binding { number, is_uniform: variable.space == AddressSpace::Uniform })
        };
        self.module.global_variables.iter().filter_map(|(_, variable)| of(variable)).collect()
    }

    /// Returns how many threads a workgroup has.
    pub fn threads(&self) -> u32 {
        let entry = self.module.entry_points.iter().find(|it| it.name == self.entry);
        entry.map_or(1, |entry| entry.workgroup_size.iter().product())
    }
}
