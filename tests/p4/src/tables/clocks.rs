//! Registers of clocks, resets and power: offsets, reset values and writable bits from ESP-IDF's headers for this chip's revision 3
//! (`soc/esp32p4/register/hw_ver3/soc`).

use crate::block::{Register, reg};

/// `hp_sys_clkrst_reg.h`.
pub const HP_SYS_CLKRST: &[Register] = &[
    reg(0x004, "ROOT_CLK_CTRL0", 0x00000000, 0x1fffffff),
    reg(0x008, "ROOT_CLK_CTRL1", 0x00000001, 0xffffffff),
    reg(0x00c, "ROOT_CLK_CTRL2", 0x00010000, 0xffffffff),
    reg(0x010, "ROOT_CLK_CTRL3", 0x00000000, 0x000000ff),
    reg(0x014, "SOC_CLK_CTRL0", 0xe6df97af, 0xffffffff),
    reg(0x018, "SOC_CLK_CTRL1", 0x7c7f001f, 0xffffffff),
    reg(0x01c, "SOC_CLK_CTRL2", 0x20f80fde, 0xffffffff),
    reg(0x020, "SOC_CLK_CTRL3", 0x00000018, 0x0000001f),
    reg(0x02c, "REF_CLK_CTRL2", 0x00000115, 0x000003ff),
    reg(0x030, "PERI_CLK_CTRL00", 0x0000c03c, 0x3fffffff),
    reg(0x034, "PERI_CLK_CTRL01", 0x00000401, 0x01ffffff),
    reg(0x038, "PERI_CLK_CTRL02", 0x00000000, 0xffffffff),
    reg(0x094, "PERI_CLK_CTRL20", 0xc9000000, 0xffffffff),
    reg(0x098, "PERI_CLK_CTRL21", 0x52400000, 0x7fffffff),
    reg(0x0a0, "PERI_CLK_CTRL23", 0x00000008, 0x01ffffff),
    reg(0x0a8, "PERI_CLK_CTRL25", 0x007fc000, 0x03ffffff),
    reg(0x0ac, "PERI_CLK_CTRL26", 0x00000200, 0x3fffffff),
    reg(0x0bc, "ANA_PLL_CTRL0", 0x00000000, 0x000002aa),
    reg(0x0c0, "HP_RST_EN0", 0x00000100, 0xffffffff),
    reg(0x0c4, "HP_RST_EN1", 0x00000000, 0xffffffff),
    reg(0x0c8, "HP_RST_EN2", 0x00000000, 0x01ffffff),
];

/// `lp_clkrst_reg.h`.
pub const LP_CLKRST: &[Register] = &[
    reg(0x000, "LP_CLK_CONF", 0x00000004, 0x000007ff),
    reg(0x014, "HPCPU_RESET_CTRL0", 0x80028002, 0xffffffff),
    reg(0x018, "HPCPU_RESET_CTRL1", 0x00000000, 0xffff0000),
    reg(0x040, "HP_CLK_CTRL", 0x1ffffffc, 0x1fffffff),
    reg(0x04c, "HP_SDMMC_EMAC_RST_CTRL", 0x00000000, 0xf0000000),
];

/// `lp_system_reg.h`.
pub const LP_SYSTEM: &[Register] =
    &[reg(0x030, "LP_STORE1", 0x00000000, 0xffffffff), reg(0x1a4, "RNG_DATA", 0x00000000, 0x00000000)];

/// `lpperi_reg.h`.
pub const LP_PERI: &[Register] = &[reg(0x000, "CLK_EN", 0x7fff0000, 0xffff0000)];

/// `hp_system_reg.h`.
pub const HP_SYSTEM: &[Register] = &[
    reg(0x010, "CPU_INT_FROM_CPU_0", 0x00000000, 0x00000001),
    reg(0x074, "GPIO_O_HOLD_CTRL0", 0x00000000, 0xffffffff),
    reg(0x078, "GPIO_O_HOLD_CTRL1", 0x00000000, 0x000001ff),
    reg(0x14c, "SYS_GMAC_CTRL0", 0x00000000, 0x0000003e),
    reg(0x1a4, "CORE_ERR_RESP_DIS", 0x00000000, 0x00000007),
];

/// `pmu_reg.h`.
pub const PMU: &[Register] = &[
    reg(0x000, "HP_ACTIVE_DIG_POWER", 0x00000000, 0xe0e00000),
    reg(0x004, "HP_ACTIVE_ICG_HP_FUNC", 0xffffffff, 0xffffffff),
    reg(0x008, "HP_ACTIVE_ICG_HP_APB", 0xffffffff, 0xffffffff),
    reg(0x00c, "HP_ACTIVE_ICG_MODEM", 0x00000000, 0xc0000000),
    reg(0x010, "HP_ACTIVE_HP_SYS_CNTL", 0x00000000, 0x3f800000),
    reg(0x014, "HP_ACTIVE_HP_CK_POWER", 0x00000000, 0x7fe00000),
    reg(0x018, "HP_ACTIVE_BIAS", 0x00500000, 0xfffc0000),
    reg(0x01c, "HP_ACTIVE_BACKUP", 0x00000000, 0x63f3dcf0),
    reg(0x020, "HP_ACTIVE_BACKUP_CLK", 0x00000000, 0xffffffff),
    reg(0x024, "HP_ACTIVE_SYSCLK", 0x00000000, 0xfc000000),
    reg(0x028, "HP_ACTIVE_HP_REGULATOR0", 0xc6677180, 0xffffc000),
    reg(0x030, "HP_ACTIVE_XTAL", 0x80000000, 0x80000000),
    reg(0x068, "HP_SLEEP_DIG_POWER", 0x00000000, 0xe0e00000),
    reg(0x06c, "HP_SLEEP_ICG_HP_FUNC", 0xffffffff, 0xffffffff),
    reg(0x070, "HP_SLEEP_ICG_HP_APB", 0xffffffff, 0xffffffff),
    reg(0x074, "HP_SLEEP_ICG_MODEM", 0x00000000, 0xc0000000),
    reg(0x078, "HP_SLEEP_HP_SYS_CNTL", 0x00000000, 0x3f800000),
    reg(0x07c, "HP_SLEEP_HP_CK_POWER", 0x00000000, 0x7fe00000),
    reg(0x080, "HP_SLEEP_BIAS", 0x00500000, 0xfffc0000),
    reg(0x084, "HP_SLEEP_BACKUP", 0x00000000, 0xdf8f37c0),
    reg(0x088, "HP_SLEEP_BACKUP_CLK", 0x00000000, 0xffffffff),
    reg(0x08c, "HP_SLEEP_SYSCLK", 0x00000000, 0xfc000000),
    reg(0x090, "HP_SLEEP_HP_REGULATOR0", 0xc6670000, 0xffff0000),
    reg(0x098, "HP_SLEEP_XTAL", 0x80000000, 0x80000000),
    reg(0x09c, "HP_SLEEP_LP_REGULATOR0", 0xc6600000, 0xffe00000),
    reg(0x0a0, "HP_SLEEP_LP_REGULATOR1", 0x00000000, 0xfc000000),
    reg(0x0a8, "HP_SLEEP_LP_DIG_POWER", 0x00000000, 0xfc000000),
    reg(0x0ac, "HP_SLEEP_LP_CK_POWER", 0x40000000, 0xf8000000),
    reg(0x0b4, "LP_SLEEP_LP_REGULATOR0", 0xc6600000, 0xffe00000),
    reg(0x0b8, "LP_SLEEP_LP_REGULATOR1", 0x00000000, 0xfc000000),
    reg(0x0bc, "LP_SLEEP_XTAL", 0x80000000, 0x80000000),
    reg(0x0c0, "LP_SLEEP_LP_DIG_POWER", 0x00000000, 0xfc000000),
    reg(0x0c4, "LP_SLEEP_LP_CK_POWER", 0x40000000, 0xf8000000),
    reg(0x0c8, "LP_SLEEP_BIAS", 0x00000000, 0xfe000000),
    reg(0x0cc, "IMM_HP_CK_POWER", 0x00000000, 0xffffffff),
    reg(0x0d0, "IMM_SLEEP_SYSCLK", 0x00000000, 0xf0000000),
    reg(0x0dc, "IMM_MODEM_ICG", 0x00000000, 0x80000000),
    reg(0x0f4, "POWER_PD_TOP_CNTL", 0x0000001c, 0x0000003f),
    reg(0x0f8, "POWER_PD_CNNT_CNTL", 0x0000001c, 0x0000003f),
    reg(0x0fc, "POWER_PD_HPMEM_CNTL", 0x0000001c, 0x0000003f),
    reg(0x10c, "POWER_DCDC_SWITCH", 0x00000001, 0x00000003),
    reg(0x110, "POWER_PD_LPPERI_CNTL", 0x0000001c, 0x0000003f),
    reg(0x128, "SLP_WAKEUP_CNTL2", 0x00000000, 0x7fffffff),
    reg(0x12c, "SLP_WAKEUP_CNTL3", 0x00000000, 0x0003ffff),
    reg(0x15c, "RF_PWC", 0x08000000, 0x7f000000),
    reg(0x1b8, "EXT_LDO_P0_0P1A", 0x40200100, 0xffffffc0),
    reg(0x1bc, "EXT_LDO_P0_0P1A_ANA", 0xb1000000, 0xff800000),
    reg(0x1c0, "EXT_LDO_P0_0P2A", 0x40200000, 0xffffffc0),
    reg(0x1c4, "EXT_LDO_P0_0P2A_ANA", 0xa0000000, 0xff800000),
    reg(0x1c8, "EXT_LDO_P0_0P3A", 0x40200000, 0xffffffc0),
    reg(0x1cc, "EXT_LDO_P0_0P3A_ANA", 0xa0000000, 0xff800000),
    reg(0x1d0, "EXT_LDO_P1_0P1A", 0x40200000, 0xffffffc0),
    reg(0x1d4, "EXT_LDO_P1_0P1A_ANA", 0xa0000000, 0xff800000),
    reg(0x1d8, "EXT_LDO_P1_0P2A", 0x40200000, 0xffffffc0),
    reg(0x1dc, "EXT_LDO_P1_0P2A_ANA", 0xa0000000, 0xff800000),
    reg(0x1e0, "EXT_LDO_P1_0P3A", 0x40200000, 0xffffffc0),
    reg(0x1e4, "EXT_LDO_P1_0P3A_ANA", 0xa0000000, 0xff800000),
    reg(0x200, "CPU_SW_STALL", 0x00000000, 0xffff0000),
];

/// `lp_i2c_ana_mst_reg.h`.
pub const LP_I2C_ANA_MST: &[Register] = &[
    reg(0x000, "I2C0_CTRL", 0x00000000, 0x01ffffff),
    reg(0x01c, "ANA_CONF1", 0x00000000, 0x00ffffff),
    reg(0x020, "ANA_CONF2", 0x00000000, 0x00ffffff),
    reg(0x034, "CLK160M", 0x00000000, 0x00000001),
];
