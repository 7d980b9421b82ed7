//! Multiples of the base point, for fixed-base multiplication and for verification.
//!
//! Each coordinate is in the Montgomery domain (`x * 2^256 mod p`), as four words of 64 bits, the least significant first.
//! A test computes every entry anew with another library.

/// A point: x and y.
pub(crate) type Entry = [[u64; 4]; 2];

/// Blocks of the comb.
pub(crate) const BLOCKS: usize = 4;
/// Teeth of each block, in bits of the scalar [`SPACING`] apart.
pub(crate) const TEETH: usize = 4;
/// Columns of the comb: bits between two teeth.
pub(crate) const SPACING: usize = 16;
/// Points of a block: the top tooth gives the sign, so that half of the combinations are enough.
pub(crate) const COMBINATIONS: usize = 1 << (TEETH - 1);

/// `COMB[b][i]` = 2^(64 b) (2^48 ± 2^32 ± 2^16 ± 1) G. Bits 2, 1 and 0 of `i` say which of the three are added; the others are
/// subtracted. 2 KB.
#[rustfmt::skip]
pub(crate) static COMB: [[Entry; COMBINATIONS]; BLOCKS] = [
    [
        [[0x84575950b88b7b67, 0xea483eabb086c81f, 0x343cf320b032d48e, 0x9e536dbbbed2b692],
         [0xbd810c1980515b38, 0xf51cbe3a117a6b25, 0xd003f33e584faa4e, 0x7fd5b6e34878119b]],
        [[0x49e0541539111b40, 0x8abb889f478eb5bc, 0x461042f8202d89d8, 0xcbe19989b91c0e42],
         [0xce23778e469da94f, 0xda7dfdc451bf8302, 0xa39a6ba7a96145a7, 0xc818741c967a59f1]],
        [[0x12acd47c047087c9, 0x2714bc24d7b3ea5a, 0x8195957590fb7db9, 0x5e7bc9e2a7710589],
         [0x465ffdae11c4fb94, 0x7818a2eaf5d31c4a, 0xf8bc1d2ec9f0498a, 0x5d745434cf0a1a1f]],
        [[0x240c5f08a3c539a0, 0x5703b513ef786b06, 0xd633decdbb60ce14, 0xc334b4e431af5027],
         [0xa51ad85efa066acf, 0xd928b6c2c375a761, 0xa919f1abc5df8fed, 0xc583579aa87246b3]],
        [[0x391817fd0b91ed1f, 0xfcd0b1a8f07f56df, 0x0fa337c41209dd43, 0xa5442fc352f8c2f5],
         [0x8451c83e79e4e0c6, 0x30bbf16bd7b853be, 0xab7ca99ee8ed0186, 0x87e0f5c2122e6f3a]],
        [[0x1984f034a26bc2bd, 0xd525ca382805b7b6, 0xa6be744764650277, 0xcb10de6ef209ef24],
         [0x8a4565936cd0440c, 0x47cc66d227e36f9f, 0xcd64f635df7515da, 0xb33522ff3a7a8b27]],
        [[0x863296a26f724788, 0xd3de505ae0b4e604, 0xa1aae1d4d543a1a4, 0xc9fb958378a94f0f],
         [0x2dd854e498b2cb9b, 0xa55ddf9d1e850d32, 0xcad4f0ba0dfaf47c, 0x03519b8ca99f1d07]],
        [[0x3229fc1766644647, 0x4f5fa8c71f7e4610, 0x16c28619d1699629, 0x1fdf78c8a1cbb5e8],
         [0x745e0593fd36de81, 0xa713a3e5034ba6c5, 0xfa1796c40846818f, 0x614d856e1e1d36d2]],
    ],
    [
        [[0xbb470a6231aba55e, 0x137e33c07d997532, 0xda4a47e2f303ce8c, 0x5a9e08858e6822bd],
         [0x2cc2df99a26a066f, 0x9d13a61688992839, 0x97ac02e956d8ed9a, 0x19c50730b90fec1e]],
        [[0x54f0842144cd30fd, 0xc1aab7bd4068b68d, 0x4a9e778c3481932b, 0xbfaf364df8af5798],
         [0x5612d90e4456991e, 0xb64f08a62af4f187, 0xb020436080245630, 0xe70688951436b541]],
        [[0x8840c05d727ea070, 0xeb95a6f640f59928, 0x63f2e6f8eeea7d74, 0x2e03ae3e9fd5e2de],
         [0x903d32acdf626dfd, 0xbb3aa3820fc2c234, 0x54726a6084345dc0, 0x3b0b3d093cfef4a6]],
        [[0x50229b36446beb73, 0x46484fbe24649cb0, 0x419966ca4d0be660, 0x69dc528373249dd7],
         [0x24f2343f2fba2e88, 0x3c677f254f21fa2d, 0x16260f0f3c4b0e55, 0x4947b58c69a86885]],
        [[0x70bf25fa6ad3cef1, 0x9a1c632f8f5e8436, 0x55a71811ed79acc9, 0xfd34a1e14e51c920],
         [0x22f59b171a9fe64d, 0x115606a017ddb969, 0xf7ac37a435d75e6c, 0x09b13136e141e4a5]],
        [[0x52e990beec1333af, 0x75cca6baf226acf3, 0x706b5cfbd38ec27d, 0x9d14de5b64e34670],
         [0xb762d5c9d26104ff, 0x146b1a8173172548, 0x6e09b049a9bd46bf, 0xfc97c4caae4ea56e]],
        [[0x452006f6aed658a2, 0x63e67581b42cbf6c, 0xdb085cadbcfb18b6, 0x8da985b1dd677fa7],
         [0xc4a29ae0ee7f276a, 0xe56151c440d2da24, 0x53d70264266d70b2, 0x3db4bba50187d0df]],
        [[0x43be2123859f3573, 0xecbbf2783d5a339f, 0xcdd238e0ed266b5e, 0x850655e4e3d992e2],
         [0xe07ad1b4634dc8f0, 0x2c957a24a88dd5e6, 0xd50e72d88b32269f, 0x40072e59db135a56]],
    ],
    [
        [[0x3aa349fc395d6ec9, 0x24c9065ef3928606, 0xe26fd275e04c232d, 0xa2d0ad91d711e2e9],
         [0x510690d6246e74fa, 0xa85a0f158188f3ff, 0xe093b2109b997a99, 0xc4de1636105544db]],
        [[0x7d62d8ee27137147, 0x8bdb507c4d0cbcd0, 0x27cadfdf3388266f, 0xb3787dfff29f96c2],
         [0xdd76462377a7fcce, 0x7f12e9ae7442dd4b, 0x9ef5aa49aa0ca208, 0xf346f43c4e818000]],
        [[0xe6f4686b1f154356, 0xb228d4886ab20d4a, 0x94df75944222b967, 0x99131920fd9b981c],
         [0xf19ddc6d4d08472c, 0xff1b0d76094cd751, 0x064939bdf3b66055, 0xaba305ec4247bf42]],
        [[0x85dad59cf5db3d8b, 0xd669f4cbb967e4ee, 0xe19bb08aef909da1, 0x6b0da90b823960fa],
         [0x9f0756d16037358b, 0xe1eddde3cdbd8337, 0xae81b17bd69d5d60, 0x4640aefe01c0f1ba]],
        [[0xd137f1e143fb60ae, 0x77e49423dc1cd74d, 0x314d88cd570b37ec, 0xb875963511a08c20],
         [0x4796e52ca36ba885, 0xc0a4015634741d86, 0x97e34d53a5227345, 0x075e0f8871d60ab5]],
        [[0x1cfd9914ba1176cc, 0x34b5ef56c9a2bfdb, 0xb5478e2415de958a, 0x834fe8469192bb99],
         [0x2b3f00f61e6d183b, 0x7f7dda8551f01a1e, 0xee25ee13103ad781, 0x3b1d986cbbd0235c]],
        [[0xf3c8dbfb83cbf265, 0x15b8d3eaf5581a0e, 0x2445679eb1477e38, 0xc2908bd6ce2e1e42],
         [0x59354b1b40b43c7f, 0x6c2e44499e4086cc, 0x1dfcd5627ac4f3a5, 0xe56409ffe7877404]],
        [[0xe56641a70957f639, 0xb082a4f63b1bf364, 0x470d76e4db357ef3, 0x9e51ecfe233a20cf],
         [0xdaf2787b7760bbcf, 0x882079d0e8a67641, 0xde1681f23a97937e, 0x50cf088d53593257]],
    ],
    [
        [[0xb3f447a843aafcbb, 0xcbde80dd29782c3c, 0xa83a11090f4198bc, 0xec9e296c009a7893],
         [0x274ba385afe4e2f0, 0xb932b08bb870a057, 0x438369aa63db5a9f, 0x56914dea6817873a]],
        [[0x55817fbbd02b791d, 0x87295b44ddfd7f1d, 0x8b7b521d24612931, 0xadfb1f5ec6ed94b9],
         [0x7b8e934f5219e995, 0x24b2ad92146f2031, 0x2d148c975c58579c, 0x2af940dd7475bf43]],
        [[0xd01614423d091f51, 0x3553a3dba826828f, 0x9dfc03b2b9708d79, 0x8ff3c2d1f4aef1f4],
         [0x2ad92cb4fb72c158, 0x5c9b34e7036082c0, 0xaa4fa6bf7413d6e5, 0x3e88daa2f58b074d]],
        [[0x1dbe07b4c3e94efb, 0xae2624e3dd687924, 0x091f5077a64ae71b, 0xd1f1d7432470e6f4],
         [0x12d24c3358cf3b6c, 0x65fdd22f685ff9ec, 0x56402bdd48748f13, 0xe1c36353bbf8c291]],
        [[0xd5dc9b3210733d4f, 0xe5932e79a5ad9c60, 0xaa3306481a3a6eaf, 0x8e70713562f13d5f],
         [0xbbc6aad9c6c7490a, 0xefa0359ab02b917e, 0xf1f75e0103eb2a82, 0x1c6b031901c2a8e1]],
        [[0x6e8150652b4f0eb9, 0x11f1d882f3526d10, 0x2d78f63c9dcf8197, 0xae311bc31557f261],
         [0xd576b2d995de2663, 0x3e9db9eb844c4567, 0xe50c3a1230c3f189, 0xad3bba441a37064d]],
        [[0x3ba3cdf14602a489, 0x3d521bc837484a85, 0xe8c5cc68b198eb88, 0x679baa03e2431ec0],
         [0x0b45f900e7aeda2a, 0x3b7689ef114cb64d, 0x34b71b790858742a, 0x88821499c7e66dad]],
        [[0xf4f1cbe50a546b4c, 0x77eae698c3ed7364, 0xd08e8b667ea20242, 0x4a85ae79aca5bb98],
         [0xa74213d7dbaf6afd, 0x9e40008a8b05b17f, 0x67b10c3b54045bdb, 0x0e74ca92fe598d23]],
    ],
];

/// G, 3 G, 5 G, … 31 G. 1 KB.
#[rustfmt::skip]
pub(crate) static ODD: [Entry; 16] = [
    [[0x79e730d418a9143c, 0x75ba95fc5fedb601, 0x79fb732b77622510, 0x18905f76a53755c6],
     [0xddf25357ce95560a, 0x8b4ab8e4ba19e45c, 0xd2e88688dd21f325, 0x8571ff1825885d85]],
    [[0xffac3f904eebc127, 0xb027f84a087d81fb, 0x66ad77dd87cbbc98, 0x26936a3fb6ff747e],
     [0xb04c5c1fc983a7eb, 0x583e47ad0861fe1a, 0x788208311a2ee98e, 0xd5f06a29e587cc07]],
    [[0xbe1b8aaec45c61f5, 0x90ec649a94b9537d, 0x941cb5aad076c20c, 0xc9079605890523c8],
     [0xeb309b4ae7ba4f10, 0x73c568efe5eb882b, 0x3540a9877e7a1f68, 0x73a076bb2dd1e916]],
    [[0x0746354ea0173b4f, 0x2bd20213d23c00f7, 0xf43eaab50c23bb08, 0x13ba5119c3123e03],
     [0x2847d0303f5b9d4d, 0x6742f2f25da67bdd, 0xef933bdc77c94195, 0xeaedd9156e240867]],
    [[0x75c96e8f264e20e8, 0xabe6bfed59a7a841, 0x2cc09c0444c8eb00, 0xe05b3080f0c4e16b],
     [0x1eb7777aa45f3314, 0x56af7bedce5d45e3, 0x2b6e019a88b12f1a, 0x086659cdfd835f9b]],
    [[0xea7d260a6245e404, 0x9de407956e7fdfe0, 0x1ff3a4158dac1ab5, 0x3e7090f1649c9073],
     [0x1a7685612b944e88, 0x250f939ee57f61c8, 0x0c0daa891ead643d, 0x68930023e125b88e]],
    [[0xccc425634b2ed709, 0x0e356769856fd30d, 0xbcbcd43f559e9811, 0x738477ac5395b759],
     [0x35752b90c00ee17f, 0x68748390742ed2e3, 0x7cd06422bd1f5bc1, 0xfbc08769c9e7b797]],
    [[0x72bcd8b7bc60055b, 0x03cc23ee56e27e4b, 0xee337424e4819370, 0xe2aa0e430ad3da09],
     [0x40b8524f6383c45d, 0xd766355442a41b25, 0x64efa6de778a4797, 0x2042170a7079adf4]],
    [[0x97091dcbd53c5c9d, 0xf17624b6ac0a177b, 0xb0f139752cfe2dff, 0xc1a35c0a6c7a574e],
     [0x227d314693e79987, 0x0575bf30e89cb80e, 0x2f4e247f0d1883bb, 0xebd512263274c3d0]],
    [[0xfea912baa5659ae8, 0x68363aba25e1a16e, 0xb8842277752c41ac, 0xfe545c282897c3fc],
     [0x2d36e9e7dc4c696b, 0x5806244afba977c5, 0x85665e9be39508c1, 0xf720ee256d12597b]],
    [[0x562e4cecc135b208, 0x74e1b2654783f47d, 0x6d2a506c5a3f3b30, 0xecead9f4c16762fc],
     [0xf29dd4b2e286e5b9, 0x1b0fadc083bb3c61, 0x7a75023e7fac29a4, 0xc086d5f1c9477fa3]],
    [[0xf4f876532de45068, 0x37c7a7e89e2e1f6e, 0xd0825fa2a3584069, 0xaf2cea7c1727bf42],
     [0x0360a4fb9e4785a9, 0xe5fda49c27299f4a, 0x48068e1371ac2f71, 0x83d0687b9077666f]],
    [[0xa4a319acd837879f, 0x6fc1b49eed6b67b0, 0xe395993332f1f3af, 0x966742eb65432a2e],
     [0x4b8dc9feb4966228, 0x96cc631243f43950, 0x12068859c9b731ee, 0x7b948dc356f79968]],
    [[0x042c2af497e2feb4, 0xd36a42d7aebf7313, 0x49d2c9eb084ffdd7, 0x9f8aa54b2ef7c76a],
     [0x9200b7ba09895e70, 0x3bd0c66fddb7fb58, 0x2d97d10878eb4cbb, 0x2d431068d84bde31]],
    [[0x5e5db46acb66e132, 0xf1be963a0d925880, 0x944a70270317b9e2, 0xe266f95948603d48],
     [0x98db66735c208899, 0x90472447a2fb18a3, 0x8a966939777c619f, 0x3798142a2a3be21b]],
    [[0xe2f73c696755ff89, 0xdd3cf7e7473017e6, 0x8ef5689d3cf7600d, 0x948dc4f8b1fc87b4],
     [0xd9e9fe814ea53299, 0x2d921ca298eb6028, 0xfaecedfd0c9803fc, 0xf38ae8914d7b4745]],
];
