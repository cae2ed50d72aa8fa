//! Whether all is well, and what to do when it is not: the status in words and numbers.

<<<<<<< HEAD
=======
pub mod probe;
>>>>>>> main
pub mod reporter;
pub mod status;
