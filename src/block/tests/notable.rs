//! Mainnet headers that say something about a parser or a search, for the tests.
//!
//! Only facts of the block chain: each hash proves the bytes of its header.

/// A header and what explorers show of it.
pub(super) struct Notable {
    pub(super) height: u32,
    pub(super) header: &'static str,
    pub(super) hash: &'static str,
    pub(super) version: u32,
    pub(super) bits: &'static str,
    pub(super) nonce: u32,
}

/// Genesis, early blocks, extreme nonces, and versions rolled under BIP 320.
#[rustfmt::skip] // A header is one line of 160 digits.
pub(super) const NOTABLE: [Notable; 18] = [
    // genesis
    Notable {
        height: 0,
        header: "0100000000000000000000000000000000000000000000000000000000000000000000003ba3edfd7a7b12b27ac72c3e67768f617fc81bc3888a51323a9fb8aa4b1e5e4a29ab5f49ffff001d1dac2b7c",
        hash: "000000000019d6689c085ae165831e934ff763ae46a2a6c172b3f1b60a8ce26f",
        version: 0x0000_0001,
        bits: "1d00ffff",
        nonce: 0x7c2b_ac1d,
    },
    // first mined block
    Notable {
        height: 1,
        header: "010000006fe28c0ab6f1b372c1a6a246ae63f74f931e8365e15a089c68d6190000000000982051fd1e4ba744bbbe680e1fee14677ba1a3c3540bf7b1cdb606e857233e0e61bc6649ffff001d01e36299",
        hash: "00000000839a8e6886ab5951d76f411475428afc90947ee320161bbf18eb6048",
        version: 0x0000_0001,
        bits: "1d00ffff",
        nonce: 0x9962_e301,
    },
    // first payment (Satoshi to Hal Finney)
    Notable {
        height: 170,
        header: "0100000055bd840a78798ad0da853f68974f3d183e2bd1db6a842c1feecf222a00000000ff104ccb05421ab93e63f8c3ce5c2c2e9dbb37de2764b3a3175c8166562cac7d51b96a49ffff001d283e9e70",
        hash: "00000000d1145790a8694403d4063f323d499e655c83426834d4ce2f8dd4a2ee",
        version: 0x0000_0001,
        bits: "1d00ffff",
        nonce: 0x709e_3e28,
    },
    // lowest hash in 0..10236
    Notable {
        height: 1_430,
        header: "010000000ae47a11a18d19068e83672c47c12892e896144d9c8cdf62888ef2ed0000000075ec8816c4dee200864403e7955c84ddfb3023f9dc14da98f71b5ab2dde725b722167a49ffff001d2ffc93fe",
        hash: "000000000009606d829b157912edb060c406b519fb2bfcc1078c196b69c67e49",
        version: 0x0000_0001,
        bits: "1d00ffff",
        nonce: 0xfe93_fc2f,
    },
    // largest nonce in 0..10236 (0xfffafc18)
    Notable {
        height: 4_418,
        header: "01000000fab164770c24e8cbbbc24a927b35029cb5e8c59b62c8c4a87c8951a8000000008a9068dab9493091a7901f08d20592a250f82b624e666860f5f5e256f47d8179266a9849ffff001d18fcfaff",
        hash: "000000005b29024d38bd43d157c0e89e9d33187c6db4b257f911a43d982ab1fc",
        version: 0x0000_0001,
        bits: "1d00ffff",
        nonce: 0xfffa_fc18,
    },
    // smallest nonce in 0..10236 (102331)
    Notable {
        height: 8_451,
        header: "0100000044024bc63493f8d96723cd193bcd8d888b64260061dd1d632e844ae7000000003f3664cda5b0e39b580a9ef37b8e6c718b3894885e69ed0be736d093cc2cdc5e30c8c749ffff001dbb8f0100",
        hash: "00000000cdb32825ea7611cdf2981d663362301c5a0883f062cce4da77ad50c1",
        version: 0x0000_0001,
        bits: "1d00ffff",
        nonce: 0x0001_8fbb,
    },
    // first difficulty change (bits 1d00d86a)
    Notable {
        height: 32_256,
        header: "010000004b0360d834a330ec7833e30e1f523ee05a0793361e29a73421964f980000000027b64a020af294e903feed93768705336a20090612a043f47af462a2f5e5b564f8ee3a4b6ad8001dd3a43707",
        hash: "000000004f2886a170adb7204cb0c7a824217dd24d11a74423d564c4e0904967",
        version: 0x0000_0001,
        bits: "1d00d86a",
        nonce: 0x0737_a4d3,
    },
    // bitcoin wiki/bitcoinj example
    Notable {
        height: 100_000,
        header: "0100000050120119172a610421a6c3011dd330d9df07b63616c2cc1f1cd00200000000006657a9252aacd5c0b2940996ecff952228c3067cc38d4885efb5a4ac4247e9f337221b4d4c86041b0f2b5710",
        hash: "000000000003ba27aa200b1cecaad478d2b00432346c3f1f3986da1afd33e506",
        version: 0x0000_0001,
        bits: "1b04864c",
        nonce: 0x1057_2b0f,
    },
    // the classic getwork/miner example; record low of 2011
    Notable {
        height: 125_552,
        header: "0100000081cd02ab7e569e8bcd9317e2fe99f2de44d49ab2b8851ba4a308000000000000e320b6c2fffc8d750423db8b1eb942ae710e951ed797f7affc8892b0f1fc122bc7f5d74df2b9441a42a14695",
        hash: "00000000000000001e8d6829a8a21adc5d38d0a473b144b6765798e61f98bd1d",
        version: 0x0000_0001,
        bits: "1a44b9f2",
        nonce: 0x9546_a142,
    },
    // version 2
    Notable {
        height: 300_000,
        header: "020000007ef055e1674d2e6551dba41cd214debbee34aeb544c7ec670000000000000000d3998963f80c5bab43fe8c26228e98d030edf4dcbe48a666f5c39e2d7a885c9102c86d536c890019593a470d",
        hash: "000000000000000082ccf8f1557c5d40b21edabb18d2d691cfbf87118bac7254",
        version: 0x0000_0002,
        bits: "1900896c",
        nonce: 0x0d47_3a59,
    },
    // first version-4 header in the retarget set
    Notable {
        height: 385_055,
        header: "040000005d79a1b0af44fd5d71cf09b32c5a51ca80d1b23ece592a09000000000000000097986ff9cf6620a87c1927932b8cae67019877ed04ea856348f652f9d42a260aacca535689b21018238a0e42",
        hash: "000000000000000000a5039e32cc9a89aeffbde1391e8bc9ae9724127904f01d",
        version: 0x0000_0004,
        bits: "1810b289",
        nonce: 0x420e_8a23,
    },
    // first BIP320-rolled version in the retarget set (0x30000000)
    Notable {
        height: 423_360,
        header: "0000003021622c26a4e62cafa8e434c7e083f540bccc83923cb40605000000000000000048fac5ba22a2bd48ac0a191cd1811188d0d8a8dee205697d29a4142dce66efa082eba05728720518fdb374ce",
        hash: "000000000000000001630546cde8482cc183708f076a5e4d6f51cd24518e8f85",
        version: 0x3000_0000,
        bits: "18057228",
        nonce: 0xce74_b3fd,
    },
    // SegWit activation
    Notable {
        height: 481_824,
        header: "02000020801b81629334be8e7af5ebfb9df09c18e1f833b5f0efcb00000000000000000040d1ca077fefe7fb797711baa0c063eca9b8ed9469ae0128982b44ad0c25386491329e59e93c011822ff5422",
        hash: "0000000000000000001c8018d9cb3b742ef25114f27563e3fc4a1902167f9893",
        version: 0x2000_0002,
        bits: "18013ce9",
        nonce: 0x2254_ff22,
    },
    // version bits, none set
    Notable {
        height: 500_000,
        header: "000000201929eb850a74427d0440cf6b518308837566cd6d0662790000000000000000001f6231ed3de07345b607ec2a39b2d01bec2fe10dfb7f516ba4958a42691c95316d0a385a459600185599fc5c",
        hash: "00000000000000000024fb37364cbf81fd49cc2d51c09c75c35433c3a1945d04",
        version: 0x2000_0000,
        bits: "18009645",
        nonce: 0x5cfc_9955,
    },
    // lowest hash in the retarget set
    Notable {
        height: 695_519,
        header: "04e0ff2fedb6321c0597e0e6609675e3ab09a5d056450dd684620a000000000000000000aae0a6118acefc41b58f6e907b106743ae6b922454a8ba4863d16ffeab6643f133061661a26a1317a4bb7a7a",
        hash: "00000000000000000000019999808926fea81b376f1060e7411bc3a5d2853594",
        version: 0x2fff_e004,
        bits: "17136aa2",
        nonce: 0x7a7a_bba4,
    },
    // rolled version 3fffe004
    Notable {
        height: 700_000,
        header: "04e0ff3feb36c62f0471cee034811019e43b14f459b50e00cea30a000000000000000000659cecf4a06ed500031b741384e87d40ce5c16c3ec8c09b09ffe4b863c218d1f282d3c61e4480f17d767c2ab",
        hash: "0000000000000000000590fc0f3eba193a278534220b2b37e9849e1a770ca959",
        version: 0x3fff_e004,
        bits: "170f48e4",
        nonce: 0xabc2_67d7,
    },
    // first of the 8065-header run
    Notable {
        height: 822_528,
        header: "00e0ff3f82f7aacf60fac3873b0beade61d0701639090ae5f47800000000000000000000acbc1b3381c671b2b7753bb2252d3ebd6900486ec8153ceb10e954a86e3f9e1468788665b3e80317f5171649",
        hash: "000000000000000000001daacd23f9cb40c69ba923085618a5f9dbdd4d97e93a",
        version: 0x3fff_e000,
        bits: "1703e8b3",
        nonce: 0x4916_17f5,
    },
    // full block also in ckb repo
    Notable {
        height: 830_000,
        header: "0080ee2578a3104f1a64159e5a953a4a1015795a1e66894bf7c00200000000000000000070adb2fd1ac9b017ea1a2e66457af0514dfbae502efd20473e6e77c2d4cf568a410fc9655dba0317403497a1",
        hash: "000000000000000000011d55599ed27d7efca05f5849b755319c89eb2cffbc1f",
        version: 0x25ee_8000,
        bits: "1703ba5d",
        nonce: 0xa197_3440,
    },
];
