//! Registers of the SD/SDIO host: offsets, reset values and writable bits from ESP-IDF's header for this chip's revision 3
//! (`soc/esp32p4/register/hw_ver3/soc/sdmmc_reg.h`).

use crate::block::{Register, reg};

pub const CTRL: u32 = 0x000;
pub const CLKDIV: u32 = 0x008;
pub const CLKSRC: u32 = 0x00c;
pub const CLKENA: u32 = 0x010;
pub const TMOUT: u32 = 0x014;
pub const CTYPE: u32 = 0x018;
pub const BLKSIZ: u32 = 0x01c;
pub const BYTCNT: u32 = 0x020;
pub const INTMASK: u32 = 0x024;
pub const CMDARG: u32 = 0x028;
pub const CMD: u32 = 0x02c;
pub const RESP0: u32 = 0x030;
pub const MINTSTS: u32 = 0x040;
pub const RINTSTS: u32 = 0x044;
pub const STATUS: u32 = 0x048;
pub const BMOD: u32 = 0x080;
pub const PLDMND: u32 = 0x084;
pub const DBADDR: u32 = 0x088;
pub const IDSTS: u32 = 0x08c;
pub const IDINTEN: u32 = 0x090;
pub const CARDTHRCTL: u32 = 0x100;

/// What is there. The FIFO's port is not: data goes by the internal DMA.
pub const SDHOST: &[Register] = &[
    reg(CTRL, "CTRL", 0x00000000, 0x02000ff7),
    reg(CLKDIV, "CLKDIV", 0x00000000, 0xffffffff),
    reg(CLKSRC, "CLKSRC", 0x00000000, 0x0000000f),
    reg(CLKENA, "CLKENA", 0x00000000, 0x00030003),
    reg(TMOUT, "TMOUT", 0xffffff40, 0xffffffff),
    reg(CTYPE, "CTYPE", 0x00000000, 0x00030003),
    reg(BLKSIZ, "BLKSIZ", 0x00000200, 0x0000ffff),
    reg(BYTCNT, "BYTCNT", 0x00000200, 0xffffffff),
    reg(INTMASK, "INTMASK", 0x00000000, 0x0003ffff),
    reg(CMDARG, "CMDARG", 0x00000000, 0xffffffff),
    reg(CMD, "CMD", 0x20000000, 0xa0ffffff),
    reg(RESP0, "RESP0", 0x00000000, 0x00000000),
    reg(0x034, "RESP1", 0x00000000, 0x00000000),
    reg(0x038, "RESP2", 0x00000000, 0x00000000),
    reg(0x03c, "RESP3", 0x00000000, 0x00000000),
    reg(MINTSTS, "MINTSTS", 0x00000000, 0x00000000),
    reg(RINTSTS, "RINTSTS", 0x00000000, 0x0003ffff),
    reg(STATUS, "STATUS", 0x00000000, 0x00000000),
    reg(BMOD, "BMOD", 0x00000000, 0x00000083),
    reg(PLDMND, "PLDMND", 0x00000000, 0xffffffff),
    reg(DBADDR, "DBADDR", 0x00000000, 0xfffffffc),
    reg(IDSTS, "IDSTS", 0x00000000, 0x00000337),
    reg(IDINTEN, "IDINTEN", 0x00000000, 0x00000337),
    reg(CARDTHRCTL, "CARDTHRCTL", 0x00000000, 0xffff0007),
];
