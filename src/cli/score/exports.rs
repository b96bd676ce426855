//! Defines an argument for each exporter of the library, with the file that a score is exported to.

use std::path::{Path, PathBuf};

use clap::{Arg, ArgMatches, Command, Error, value_parser};
use perjoule::report::{EXPORTERS, Exporter};

/// Exporters that the arguments ask for, with their files.
#[derive(Debug, Default)]
pub(super) struct Exports(Vec<(&'static Exporter, PathBuf)>);

impl Exports {
    pub(super) fn iter(&self) -> impl Iterator<Item = (&'static Exporter, &Path)> {
        self.0.iter().map(|(exporter, path)| (*exporter, path.as_path()))
    }
}

impl clap::FromArgMatches for Exports {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, Error> {
        let mut exports = Self::default();
        exports.update_from_arg_matches(matches)?;
        Ok(exports)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
        let file = |exporter: &Exporter| matches.get_one::<PathBuf>(exporter.argument).cloned();
        self.0 = EXPORTERS.iter().filter_map(|it| Some((it, file(it)?))).collect();
        Ok(())
    }
}

impl clap::Args for Exports {
    fn augment_args(command: Command) -> Command {
        command.args(EXPORTERS.iter().map(|exporter| {
            Arg::new(exporter.argument)
                .long(exporter.argument.trim_start_matches('-'))
                .value_name("FILE")
                .value_parser(value_parser!(PathBuf))
                .help_heading("Reports")
                .help(exporter.about)
        }))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}
