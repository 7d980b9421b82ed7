//! Registers of the memories' controllers: offsets, reset values and writable bits from ESP-IDF's headers for this chip's revision 3
//! (`soc/esp32p4/register/hw_ver3/soc`).

use crate::block::{Register, reg};

/// `spi_mem_s_reg.h`: what serves the cache.
pub const PSRAM_MSPI0: &[Register] = &[
    reg(0x00c, "CTRL1", 0x28600000, 0xe7600003),
    reg(0x03c, "CACHE_FCTRL", 0xc0000000, 0xc00fffff),
    reg(0x040, "CACHE_SCTRL", 0x0055c070, 0x0fffcfff),
    reg(0x044, "SRAM_CMD", 0x80c00000, 0xcfffdfff),
    reg(0x048, "SRAM_DRD_CMD", 0x00000000, 0xf000ffff),
    reg(0x04c, "SRAM_DWR_CMD", 0x00000000, 0xf000ffff),
    reg(0x050, "SRAM_CLK", 0x00030103, 0x80ffffff),
    reg(0x0d8, "SMEM_DDR", 0x00003020, 0x7d3fffff),
    reg(0x180, "TIMING_CALI", 0x00000001, 0x0000007f),
    reg(0x190, "SMEM_TIMING_CALI", 0x00000001, 0x0000003f),
    reg(0x1a0, "SMEM_AC", 0x8000b084, 0xfe01ffff),
    reg(0x37c, "MMU_ITEM_CONTENT", 0x0000037c, 0xffffffff),
    reg(0x380, "MMU_ITEM_INDEX", 0x00000000, 0xffffffff),
];

/// `spi1_mem_s_reg.h`: for commands.
pub const PSRAM_MSPI1: &[Register] = &[
    reg(0x000, "CMD", 0x00000000, 0xfffe0000),
    reg(0x014, "CLOCK", 0x00030103, 0x80ffffff),
    reg(0x034, "MISC", 0x00000002, 0x00000603),
    reg(0x058, "W0", 0x00000000, 0xffffffff),
];

/// `spi1_mem_c_reg.h`: for commands.
pub const FLASH_MSPI1: &[Register] =
    &[reg(0x000, "CMD", 0x00000000, 0xfffe0000), reg(0x058, "W0", 0x00000000, 0xffffffff)];

/// `iomux_mspi_pin_reg.h`: the pads to flash and PSRAM.
pub const IOMUX_MSPI: &[Register] = &[
    reg(0x01c, "PSRAM_D_PIN0", 0x00000000, 0x00003fff),
    reg(0x020, "PSRAM_Q_PIN0", 0x00000000, 0x00003fff),
    reg(0x024, "PSRAM_WP_PIN0", 0x00000000, 0x00003fff),
    reg(0x028, "PSRAM_HOLD_PIN0", 0x00000000, 0x00003fff),
    reg(0x02c, "PSRAM_DQ4_PIN0", 0x00000000, 0x00003fff),
    reg(0x030, "PSRAM_DQ5_PIN0", 0x00000000, 0x00003fff),
    reg(0x034, "PSRAM_DQ6_PIN0", 0x00000000, 0x00003fff),
    reg(0x038, "PSRAM_DQ7_PIN0", 0x00000000, 0x00003fff),
    reg(0x03c, "PSRAM_DQS_0_PIN0", 0x00000000, 0x001fffff),
    reg(0x040, "PSRAM_CK_PIN0", 0x00000000, 0x00003fff),
    reg(0x044, "PSRAM_CS_PIN0", 0x00000000, 0x00003fff),
    reg(0x048, "PSRAM_DQ8_PIN0", 0x00000000, 0x00003fff),
    reg(0x04c, "PSRAM_DQ9_PIN0", 0x00000000, 0x00003fff),
    reg(0x050, "PSRAM_DQ10_PIN0", 0x00000000, 0x00003fff),
    reg(0x054, "PSRAM_DQ11_PIN0", 0x00000000, 0x00003fff),
    reg(0x058, "PSRAM_DQ12_PIN0", 0x00000000, 0x00003fff),
    reg(0x05c, "PSRAM_DQ13_PIN0", 0x00000000, 0x00003fff),
    reg(0x060, "PSRAM_DQ14_PIN0", 0x00000000, 0x00003fff),
    reg(0x064, "PSRAM_DQ15_PIN0", 0x00000000, 0x00003fff),
    reg(0x068, "PSRAM_DQS_1_PIN0", 0x00000000, 0x001fffff),
];
