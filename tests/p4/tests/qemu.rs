//! The processor's model against QEMU's: the same random instructions, and every register after each few of them; and exceptions.
//!
//! QEMU runs the program at the start of its `virt` machine's memory, the model at the start of internal memory; what depends on the
//! address is made relative. Without `qemu-system-riscv32` the test says so and compares nothing.

mod qemu {
    pub mod assembler;
    mod random;
    mod same;
    mod traps;
}
