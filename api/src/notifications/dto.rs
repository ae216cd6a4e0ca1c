//! Notifications and templates as callers see and write them.

mod input;
mod output;

pub(super) use input::{ListParameters, PreviewDraft, TemplateDraft, VersionParameter};
pub(super) use output::{NotificationBody, PreviewBody, TemplateBody, TemplateList};
