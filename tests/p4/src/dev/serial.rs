//! The serial log: over USB if a host is there, else over UART 0, which the ROM writes to.
//!
//! Sources: ESP-IDF's `usb_serial_jtag_reg.h` and `hal/usb_serial_jtag_ll.h`: a host's start-of-frame shows in bit 1 of the raw interrupts; bytes go
//! to EP1, 64 at most until they are sent off.

use crate::bus::Fault;

/// Both ways out.
#[derive(Default)]
pub struct Serial {
    /// A host is there, and reads.
    pub usb_host: bool,
    waiting: Vec<u8>,
    /// Everything that came out.
    pub text: Vec<u8>,
}

impl Serial {
    /// What the ROM's function for UART 0 gives out.
    pub fn put(&mut self, byte: u8) {
        self.text.push(byte);
    }

    pub fn read(&self, offset: u32) -> Result<u32, Fault> {
        match offset {
            // Room for bytes.
            0x04 => Ok(u32::from(self.waiting.len() < 64) << 1),
            0x08 => Ok(1 << 3 | u32::from(self.usb_host) << 1),
            _ => Err(Fault::unmodelled(format!("USB_SERIAL_JTAG+{offset:#x} was read"))),
        }
    }

    pub fn write(&mut self, offset: u32, value: u32) -> Result<(), Fault> {
        match offset {
            0x00 if self.waiting.len() < 64 => self.waiting.push(value as u8),
            0x00 => return Err(Fault::new("USB_SERIAL_JTAG: a byte that there is no room for".into())),
            0x04 if value & 1 == 1 && self.usb_host => self.text.append(&mut self.waiting),
            0x04 => {}
            _ => return Err(Fault::unmodelled(format!("USB_SERIAL_JTAG+{offset:#x} was written"))),
        }
        Ok(())
    }

    /// What came out, as text.
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&self.text).into_owned()
    }
}
