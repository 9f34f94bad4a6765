//! Rows `(name, how it is made)`: what is right, and what is wrong in a way that no bit flip finds, signed all the same.

mod acts;
mod capsules;
mod chain;
mod custody;
mod definitions;
mod objects;
mod paths;

pub(crate) use objects::announced;

use crate::files::Files;
use crate::story::Story;

pub(crate) fn files() -> Files {
    let mut files = Files::new();
    acts::rows(&mut files);
    chain::rows(&mut files);
    custody::rows(&mut files);
    capsules::rows(&mut files);
    definitions::rows(&mut files);
    paths::rows(&mut files);
    objects::rows(&mut files);
    files
}

/// A case that was opened.
fn opened() -> Story {
    let mut story = Story::new(9162);
    story.opens(|_| {});
    story
}

/// And shared with health.
fn shared() -> Story {
    let mut story = opened();
    story.shares(|_| {});
    story
}

/// And health has done its step, which waits for evidence.
fn worked() -> Story {
    let mut story = shared();
    story.medical(|_| {});
    story
}

fn with(mut story: Story, edit: &dyn Fn(&mut Story)) -> Story {
    edit(&mut story);
    story
}
