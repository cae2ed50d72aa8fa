//! The codes that are known, by who must act. What they mean and what to do is in the catalogue of texts, `[aadsts.CODE]`, by the
//! first code of a row.

use super::Retry::{AfterFix, AfterSignIn, BackOff, No};
use super::Who::{Admin, Developer, Microsoft, Owner, User};
use super::{Retry, Who};

/// Codes that mean the same.
pub(super) struct Row {
    pub codes: &'static [u32],
    pub who: Who,
    pub retry: Retry,
}

const fn row(codes: &'static [u32], who: Who, retry: Retry) -> Row {
    Row { codes, who, retry }
}

pub(super) const ROWS: &[Row] = &[
    // Our own client id and secret: the owner of the app registration acts, and every grant is still good.
    row(&[7_000_222], Owner, AfterFix),
    row(&[7_000_215], Owner, AfterFix),
    row(&[7_000_218], Owner, AfterFix),
    row(&[70_002], Owner, AfterFix),
    row(&[700_025], Owner, AfterFix),
    row(&[700_027], Owner, AfterFix),
    row(&[50_012, 50_013], Owner, AfterFix),
    row(&[700_016], Owner, AfterFix),
    row(&[700_011], Admin, AfterFix),
    row(&[7_000_229], Admin, AfterFix),
    row(&[7_000_112, 70_001], Admin, AfterFix),
    row(&[1_000_031], Admin, AfterFix),
    // Consent, permissions, licences.
    row(&[65_001], Admin, AfterSignIn),
    row(&[65_004], User, AfterSignIn),
    row(&[90_094, 90_095], Admin, AfterFix),
    row(&[90_008], Owner, AfterFix),
    row(&[65_005, 650_056, 650_057], Owner, AfterFix),
    row(&[650_052, 650_054, 500_014], Admin, AfterFix),
    row(&[500_011, 50_001], Admin, AfterFix),
    row(&[50_105], Admin, AfterFix),
    // People and their grants: somebody signs in again, or an administrator mends the account.
    row(&[50_173], User, AfterSignIn),
    row(&[50_132, 50_133, 50_089], User, AfterSignIn),
    row(&[70_008], User, AfterSignIn),
    row(&[700_082], User, AfterSignIn),
    row(&[700_084], Owner, AfterFix),
    row(&[70_000], User, AfterSignIn),
    row(&[54_005], User, AfterSignIn),
    row(&[501_481], Developer, AfterSignIn),
    row(&[70_043, 70_044], User, AfterSignIn),
    row(&[50_072, 50_074, 50_076, 50_078, 50_079], User, AfterSignIn),
    row(&[500_121, 50_158], User, AfterSignIn),
    row(&[16_000, 50_058], User, AfterSignIn),
    row(&[50_055, 50_144], User, AfterSignIn),
    row(&[50_056, 50_126], User, AfterSignIn),
    row(&[50_053], User, BackOff),
    row(&[50_057], Admin, AfterFix),
    row(&[50_020], User, AfterFix),
    row(&[90_072], Admin, AfterFix),
    row(&[16_003, 50_014, 50_034, 51_004], Admin, AfterFix),
    row(&[500_200, 9_002_332], User, AfterSignIn),
    // The tenant's policies: an administrator decides.
    row(&[53_000, 53_001, 53_002], Admin, AfterFix),
    row(&[53_003, 530_032], Admin, AfterFix),
    row(&[530_035], Admin, AfterFix),
    row(&[53_004, 53_011], Admin, AfterFix),
    row(&[500_021, 500_022, 500_212, 500_213], Admin, AfterFix),
    // The app registration and the tenant that was asked: its owner mends them.
    row(&[50_011, 70_004], Owner, AfterFix),
    row(&[500_113, 900_971], Owner, AfterFix),
    row(&[9_002_325], Owner, AfterFix),
    row(&[50_194], Owner, AfterFix),
    row(&[90_002, 900_023], Owner, AfterFix),
    row(&[50_059, 50_128, 90_019], Developer, AfterFix),
    row(&[90_038, 900_382, 900_432, 900_439], Owner, AfterFix),
    row(&[90_027, 90_124, 90_130, 9_001_023], Developer, AfterFix),
    row(&[700_054], Owner, AfterFix),
    row(&[1_002_016], Admin, AfterFix),
    // Our requests: what here comes up is a fault of the product, or of something that changed a request on its way.
    row(&[70_011, 28_002, 28_003], Developer, No),
    row(&[28_000, 700_022], Developer, No),
    row(&[700_023], Developer, No),
    row(&[901_002, 9_010_010], Developer, No),
    row(&[90_009], Developer, No),
    row(&[900_144, 90_014], Developer, No),
    row(&[9_002_313, 90_004, 90_023, 90_100], Developer, No),
    row(&[900_561, 90_056], Developer, No),
    row(&[90_015], Developer, No),
    row(&[700_005], Developer, No),
    row(&[50_147, 501_491], Developer, No),
    row(&[70_003, 70_007], Developer, No),
    // Microsoft's own troubles: they pass, and every grant is kept.
    row(&[50_196], Developer, BackOff),
    row(&[90_055], Microsoft, BackOff),
    row(&[90_033], Microsoft, BackOff),
    row(&[40_010, 50_033, 50_087, 70_012, 90_006, 90_012, 90_024, 90_090], Microsoft, BackOff),
    row(&[50_000, 90_036], Microsoft, No),
];
