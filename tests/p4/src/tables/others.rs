//! Registers of other devices: offsets, reset values and writable bits from ESP-IDF's headers for this chip's revision 3
//! (`soc/esp32p4/register/hw_ver3/soc`).

use crate::block::{Register, reg};

/// `lp_wdt_reg.h`.
pub const LP_WDT: &[Register] = &[
    reg(0x000, "CONFIG0", 0x00013200, 0xfffffe00),
    reg(0x004, "CONFIG1", 0x00030d40, 0xffffffff),
    reg(0x014, "FEED", 0x00000000, 0x80000000),
    reg(0x018, "WPROTECT", 0x00000000, 0xffffffff),
    reg(0x01c, "SWD_CONFIG", 0x12c00000, 0xfffc0000),
    reg(0x020, "SWD_WPROTECT", 0x00000000, 0xffffffff),
];

/// `timer_group_reg.h`.
pub const TIMG: &[Register] = &[
    reg(0x000, "T0CONFIG", 0x60002000, 0xfffff400),
    reg(0x004, "T0LO", 0x00000000, 0x00000000),
    reg(0x008, "T0HI", 0x00000000, 0x00000000),
    reg(0x00c, "T0UPDATE", 0x00000000, 0x80000000),
    reg(0x010, "T0ALARMLO", 0x00000000, 0xffffffff),
    reg(0x014, "T0ALARMHI", 0x00000000, 0x003fffff),
    reg(0x018, "T0LOADLO", 0x00000000, 0xffffffff),
    reg(0x01c, "T0LOADHI", 0x00000000, 0x003fffff),
    reg(0x020, "T0LOAD", 0x00000000, 0xffffffff),
    reg(0x048, "WDTCONFIG0", 0x0004c000, 0xffdff000),
    reg(0x064, "WDTWPROTECT", 0x50d83aa1, 0xffffffff),
    reg(0x068, "RTCCALICFG", 0x00011000, 0xffff7000),
    reg(0x06c, "RTCCALICFG1", 0x00000000, 0x00000000),
    reg(0x070, "INT_ENA_TIMERS", 0x00000000, 0x00000007),
    reg(0x074, "INT_RAW_TIMERS", 0x00000000, 0x00000007),
    reg(0x078, "INT_ST_TIMERS", 0x00000000, 0x00000000),
    reg(0x07c, "INT_CLR_TIMERS", 0x00000000, 0x00000007),
    reg(0x080, "RTCCALICFG2", 0xffffff98, 0xfffffff8),
];

/// `lp_adc_reg.h`.
pub const LP_ADC: &[Register] = &[
    reg(0x00c, "MEAS1_CTRL2", 0x00000000, 0xfffe0000),
    reg(0x010, "MEAS1_MUX", 0x00000000, 0x80000000),
    reg(0x014, "ATTEN1", 0xffffffff, 0xffffffff),
    reg(0x03c, "FORCE_WPD_SAR", 0x00000000, 0x0000000f),
    reg(0x054, "INT_CLR", 0x00000000, 0x0000003f),
];

/// `efuse_reg.h`.
pub const EFUSE: &[Register] = &[
    reg(0x034, "RD_REPEAT_DATA1", 0x00000000, 0x00010000),
    reg(0x044, "RD_MAC_SYS_0", 0x00000000, 0x00000000),
    reg(0x048, "RD_MAC_SYS_1", 0x00000000, 0xffff0000),
    reg(0x04c, "RD_MAC_SYS_2", 0x00000000, 0x00000000),
];

/// `lp_iomux_reg.h`.
pub const LP_IOMUX: &[Register] = &[
    reg(0x008, "PAD0", 0x00000002, 0x00000fff),
    reg(0x00c, "PAD1", 0x00000002, 0x00000fff),
    reg(0x010, "PAD2", 0x00000002, 0x00000fff),
    reg(0x014, "PAD3", 0x00000002, 0x00000fff),
    reg(0x018, "PAD4", 0x00000002, 0x00000fff),
    reg(0x01c, "PAD5", 0x00000002, 0x00000fff),
    reg(0x020, "PAD6", 0x00000002, 0x00000fff),
    reg(0x024, "PAD7", 0x00000002, 0x00000fff),
    reg(0x028, "PAD8", 0x00000002, 0x00000fff),
    reg(0x02c, "PAD9", 0x00000002, 0x00000fff),
    reg(0x030, "PAD10", 0x00000002, 0x00000fff),
    reg(0x034, "PAD11", 0x00000002, 0x00000fff),
    reg(0x038, "PAD120", 0x00000002, 0x00000fff),
    reg(0x03c, "PAD13", 0x00000002, 0x00000fff),
    reg(0x040, "PAD14", 0x00000002, 0x00000fff),
    reg(0x044, "PAD15", 0x00000002, 0x00000fff),
    reg(0x04c, "LP_PAD_HOLD", 0x00000000, 0x0000ffff),
];
