//! The functions of the mask ROM that the program calls, done by the model itself: there is no copy of the ROM here.
//!
//! Sources: ESP-IDF's `esp_rom/esp32p4/ld/esp32p4.rom.ld`, `esp32p4.rom.libgcc.ld` and `esp32p4.rom.newlib.ld` (revision 3) for the addresses;
//! `esp_rom/esp32p4/include/esp32p4/rom/*.h` for the arguments; GCC's "Integer library routines" for the arithmetic; the RISC-V ELF psABI for
//! where arguments are. Floats travel in `fa0`, as `ilp32f` has it, in the ROM's copy of libgcc too: see docs/esp32-p4.md.

use crate::bus::{Bus, Fault};
use crate::cpu::Cpu;
use crate::dev::psram::Command;
use crate::flash::PowerCut;
use crate::memory::Memory;

const START: u32 = 0x4fc0_0000;
const END: u32 = 0x4fc2_0000;

/// Whether the ROM is there.
pub fn is_rom(address: u32) -> bool {
    (START..END).contains(&address)
}

/// What a call came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Called {
    Returned,
    /// `software_reset`.
    Reset,
    PowerCut(PowerCut),
}

/// A function: where it is, and what it is called.
const NAMES: &[(u32, &str)] = &[
    (0x018, "rtc_get_reset_reason"),
    (0x03c, "ets_delay_us"),
    (0x044, "ets_update_cpu_frequency"),
    (0x058, "uart_tx_one_char2"),
    (0x094, "software_reset"),
    (0x0a8, "ets_set_appcpu_boot_addr"),
    (0x108, "esp_rom_spi_cmd_config"),
    (0x110, "esp_rom_spi_set_op_mode"),
    (0x14c, "esp_rom_spiflash_erase_sector"),
    (0x150, "esp_rom_spiflash_erase_block"),
    (0x154, "esp_rom_spiflash_write"),
    (0x158, "esp_rom_spiflash_read"),
    (0x15c, "esp_rom_spiflash_unlock"),
    (0x268, "memset"),
    (0x26c, "memcpy"),
    (0x270, "memmove"),
    (0x274, "memcmp"),
    (0x3e4, "Cache_Invalidate_Addr"),
    (0x3f4, "Cache_WriteBack_Addr"),
    (0x744, "__ashldi3"),
    (0x778, "__divdf3"),
    (0x77c, "__divdi3"),
    (0x78c, "__extendsfdf2"),
    (0x7a8, "__fixunssfdi"),
    (0x7b4, "__floatdisf"),
    (0x7c0, "__floatundisf"),
    (0x7d8, "__lshrdi3"),
    (0x7e0, "__moddi3"),
    (0x838, "__udivdi3"),
    (0x848, "__umoddi3"),
    (0x880, "__floatundidf"),
    (0x888, "__gedf2"),
    (0x88c, "__gtdf2"),
];

/// The name of a function of the ROM.
pub fn name(address: u32) -> Option<&'static str> {
    NAMES.iter().find(|(offset, _)| START + offset == address).map(|(_, name)| *name)
}

/// The maps of `Cache_Invalidate_Addr` and `Cache_WriteBack_Addr` (`rom/cache.h`): the first level's data cache.
const L1_DATA: u32 = 0x10;

/// Does the function that the program counter is at, and returns from it.
pub fn call(cpu: &mut Cpu, memory: &mut Memory, bus: &mut Bus, reset_reason: u32) -> Result<Called, Fault> {
    let Some(name) = name(cpu.pc) else {
        return Err(Fault::unmodelled(format!("the function of the ROM at {:#010x}", cpu.pc)).at(cpu.x[1]));
    };
    let [a0, a1, a2, a3] = [10, 11, 12, 13].map(|n| cpu.x[n]);
    let (wide, wide2) = (u64::from(a1) << 32 | u64::from(a0), u64::from(a3) << 32 | u64::from(a2));
    let caller = cpu.x[1];
    let memory_fault = || Fault::new(format!("{name}: no such memory ({a0:#010x}, {a1:#010x}, {a2:#x})")).at(caller);
    // What it takes beside what is said: a call, and a word a cycle.
    let mut time = 10;
    let mut result = None;
    let mut result64 = None;
    match name {
        "rtc_get_reset_reason" => result = Some(if a0 == 0 { reset_reason } else { 0 }),
        "ets_delay_us" => time = u64::from(a0) * 400,
        "ets_update_cpu_frequency" | "ets_set_appcpu_boot_addr" | "esp_rom_spi_set_op_mode" => {}
        "uart_tx_one_char2" => {
            bus.serial.put(a0 as u8);
            result = Some(0);
        }
        "software_reset" => return Ok(Called::Reset),
        "esp_rom_spi_cmd_config" => bus.psram.configure(command(memory, a0, a1).ok_or_else(memory_fault)?),
        "esp_rom_spiflash_unlock" => {
            bus.flash.unlock();
            result = Some(0);
        }
        "esp_rom_spiflash_erase_sector" | "esp_rom_spiflash_erase_block" => {
            let sectors = if name.ends_with("sector") { a0..a0 + 1 } else { a0 * 16..(a0 + 1) * 16 };
            result = Some(0);
            for sector in sectors {
                match bus.flash.erase(sector) {
                    None => result = Some(1),
                    Some(Ok(took)) => time += took,
                    Some(Err(cut)) => return Ok(Called::PowerCut(cut)),
                }
            }
        }
        "esp_rom_spiflash_write" => {
            let data = bytes(memory, a1, a2).ok_or_else(memory_fault)?;
            match bus.flash.program(a0, &data) {
                None => result = Some(1),
                Some(Ok(took)) => {
                    time += took;
                    result = Some(0);
                }
                Some(Err(cut)) => return Ok(Called::PowerCut(cut)),
            }
        }
        "esp_rom_spiflash_read" => {
            if !a0.is_multiple_of(4) || !a1.is_multiple_of(4) || !a2.is_multiple_of(4) {
                return Err(Fault::new(format!("{name}: not whole words ({a0:#x}, {a1:#x}, {a2:#x})")).at(caller));
            }
            let mut data = vec![0; a2 as usize];
            match bus.flash.read(a0, &mut data) {
                None => result = Some(1),
                Some(took) => {
                    put(memory, a1, &data).ok_or_else(memory_fault)?;
                    time += took;
                    result = Some(0);
                }
            }
        }
        "memset" => {
            put(memory, a0, &vec![a1 as u8; a2 as usize]).ok_or_else(memory_fault)?;
            time += u64::from(a2) / 4;
        }
        "memcpy" | "memmove" => {
            let data = bytes(memory, a1, a2).ok_or_else(memory_fault)?;
            put(memory, a0, &data).ok_or_else(memory_fault)?;
            time += u64::from(a2) / 2;
        }
        "memcmp" => {
            let (one, other) = (bytes(memory, a0, a2), bytes(memory, a1, a2));
            let (one, other) = (one.ok_or_else(memory_fault)?, other.ok_or_else(memory_fault)?);
            let differ = one.iter().zip(&other).find(|(x, y)| x != y);
            result = Some(differ.map_or(0, |(x, y)| (i32::from(*x) - i32::from(*y)) as u32));
            time += u64::from(a2) / 2;
        }
        "Cache_Invalidate_Addr" | "Cache_WriteBack_Addr" => {
            if a0 & L1_DATA != 0 {
                if name.starts_with("Cache_I") { memory.invalidate(a1, a2) } else { memory.write_back(a1, a2) }
            }
            time += u64::from(a2 / 64).min(4096);
            result = Some(0);
        }
        "__ashldi3" => result64 = Some(wide.checked_shl(a2).unwrap_or(0)),
        "__lshrdi3" => result64 = Some(wide.checked_shr(a2).unwrap_or(0)),
        // What a division by zero gives is not defined; the compiler never calls for one.
        "__udivdi3" | "__umoddi3" | "__divdi3" | "__moddi3" if wide2 == 0 => {
            return Err(Fault::new(format!("{name}: a division by zero")).at(caller));
        }
        "__udivdi3" => (time, result64) = (60, Some(wide / wide2)),
        "__umoddi3" => (time, result64) = (60, Some(wide % wide2)),
        "__divdi3" => (time, result64) = (60, Some((wide as i64).wrapping_div(wide2 as i64) as u64)),
        "__moddi3" => (time, result64) = (60, Some((wide as i64).wrapping_rem(wide2 as i64) as u64)),
        // Rounds to zero; what does not fit is not defined.
        "__fixunssfdi" => result64 = Some(f32::from_bits(cpu.f[10]) as u64),
        "__floatdisf" => cpu.f[10] = (wide as i64 as f32).to_bits(),
        // Doubles travel in pairs of integer registers: `f` registers have 32 bits. Less than, or not to be compared: -1.
        "__divdf3" => (time, result64) = (60, Some((f64::from_bits(wide) / f64::from_bits(wide2)).to_bits())),
        "__extendsfdf2" => result64 = Some(f64::from(f32::from_bits(cpu.f[10])).to_bits()),
        "__floatundidf" => result64 = Some((wide as f64).to_bits()),
        "__gedf2" | "__gtdf2" => {
            let order = f64::from_bits(wide).partial_cmp(&f64::from_bits(wide2));
            (time, result) = (20, Some(order.map_or(-1, |order| order as i32) as u32));
        }
        "__floatundisf" => cpu.f[10] = (wide as f32).to_bits(),
        _ => return Err(Fault::unmodelled(format!("the ROM's {name}")).at(caller)),
    }
    if let Some(result) = result {
        cpu.x[10] = result;
    }
    if let Some(result) = result64 {
        (cpu.x[10], cpu.x[11]) = (result as u32, (result >> 32) as u32);
    }
    bus.skipped += time;
    cpu.pc = caller & !1;
    Ok(Called::Returned)
}

/// The command that a structure `esp_rom_spi_cmd_t` describes.
fn command(memory: &Memory, controller: u32, at: u32) -> Option<Command> {
    if controller != 3 {
        return None;
    }
    let word = |at: u32| memory.load::<4>(at)?.ok().map(u32::from_le_bytes);
    let code = word(at)? as u16;
    let address = word(word(at + 4)?)?;
    let (data, bits) = (word(at + 12)?, word(at + 16)?);
    let data = if bits == 0 { 0 } else { word(data)? as u16 };
    Some(Command { code, address, data })
}

/// A copy of memory.
fn bytes(memory: &Memory, at: u32, len: u32) -> Option<Vec<u8>> {
    if len == 0 {
        return Some(Vec::new());
    }
    match memory.slice(at, len as usize) {
        Some(slice) => Some(slice.to_vec()),
        None => (0..len).map(|n| memory.load::<1>(at + n)?.ok().map(|[byte]| byte)).collect(),
    }
}

/// Writes memory, as the program itself would: protected memory is protected from the ROM too.
fn put(memory: &mut Memory, at: u32, data: &[u8]) -> Option<()> {
    if memory.is_guarded(at, data.len()) {
        return data.iter().enumerate().try_for_each(|(n, byte)| memory.store(at + n as u32, [*byte])?.ok());
    }
    if let Some(place) = memory.slice_mut(at, data.len()) {
        place.copy_from_slice(data);
        return Some(());
    }
    data.iter().enumerate().try_for_each(|(n, byte)| memory.store(at + n as u32, [*byte])?.ok())
}
