//! Service definitions as signed by their publisher.
