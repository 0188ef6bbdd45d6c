"""The properties of the Exact Online entities, in the order in which the service writes them.

A mark ``+`` says that POST and PUT may set the property; ``=value`` gives the value of a row that has none.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any

from include.sandbox.odata_types import Column

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from include.sandbox.odata_types import Row

_SHORT = {
    "G": "Guid",
    "S": "String",
    "T": "DateTime",
    "L": "Int64",
    "I": "Int32",
    "H": "Int16",
    "Y": "Byte",
    "D": "Double",
    "B": "Boolean",
    "X": "Binary",
}
# Widths of fixed-length texts: blanks before the code, behind country and language.
PADS = {"Code": 18, "Country": -3, "Language": -10}
_DEFAULTS: dict[str, Any] = {"0": 0, "false": False, "A": "A"}

# The last eight stand behind the alphabet in recorded answers, the identification trio in this order.
CONTACT = """
G: ID+ Account+
B: AccountIsCustomer=false AccountIsSupplier=false
G: AccountMainContact
S: AccountName AddressLine2 AddressStreet AddressStreetNumber AddressStreetNumberSuffix
T: BirthDate+
S: BirthName+ BirthNamePrefix+ BirthPlace+ BusinessEmail+ BusinessFax+ BusinessMobile+ BusinessPhone+
S: BusinessPhoneExtension+ City Code Country
T: Created
G: Creator
S: CreatorFullName CustomField
I: Division
S: Email+
T: EndDate+
S: FirstName+ FullName Gender+
I: HID+
T: IdentificationDate+
G: IdentificationUser+ IdentificationDocument+
S: Initials+
Y: IsAnonymised=0
B: IsMailingExcluded+=false IsMainContact=false
S: JobTitleDescription+ Language+ LastName+ MarketingNotes+ MiddleName+ Mobile+
T: Modified
G: Modifier
S: ModifierFullName Nationality+ Notes+ PartnerName PartnerNamePrefix
G: Person+
S: Phone+ PhoneExtension
X: Picture+
S: PictureName+ PictureThumbnailUrl PictureUrl Postcode SocialSecurityNumber+
T: StartDate+
S: State Title+ TitleDescription TitleAbbreviation
G: LeadPurpose+ LeadSource+
I: AllowMailing
"""

ACCOUNT = """
G: ID+ Accountant+ AccountManager+
S: AccountManagerFullName
I: AccountManagerHID
G: ActivitySector+ ActivitySubSector+
S: AddressLine1+ AddressLine2+ AddressLine3+
Y: AddressSource AutomaticProcessProposedEntry+
B: Blocked+=false
G: BRIN
S: BSN+
G: BusinessType+
B: CanDropShip+=false
S: ChamberOfCommerce+ City+ Classification
G: Classification1+ Classification2+ Classification3+ Classification4+ Classification5+ Classification6+
G: Classification7+ Classification8+
S: ClassificationDescription
G: ClientGroup
S: ClientGroupDescription Code+ CodeAtSupplier+
G: CompanySize+
Y: ConsolidationScenario+
T: ControlledDate+
S: Costcenter CostcenterDescription
Y: CostPaid=0
S: Country+ CountryName
T: Created
G: Creator
S: CreatorFullName
D: CreditLinePurchase+ CreditLineSales+
S: Currency
T: CustomerSince
S: CustomField DatevCreditorCode+ DatevDebtorCode+
Y: DeliveryAdvice+
D: DiscountPurchase+ DiscountSales+
I: Division
G: Document
S: DunsNumber Email+
B: EnableSalesPaymentLink+=false
T: EndDate+
S: EORINumber+
T: EstablishedDate+
S: Fax+
G: GLAccountPurchase+ GLAccountSales+ GLAP+ GLAR+
S: GlnNumber+
B: HasWithholdingTaxSales+=false IgnoreDatevWarningMessage+=false
S: IncotermAddressPurchase+ IncotermAddressSales+ IncotermCodePurchase+ IncotermCodeSales+
H: IncotermVersionPurchase+ IncotermVersionSales+
S: IntraStatArea+ IntraStatDeliveryTerm+ IntraStatSystem+ IntraStatTransactionA+ IntraStatTransactionB+
S: IntraStatTransportMethod+
G: InvoiceAccount+
S: InvoiceAccountCode InvoiceAccountName
I: InvoiceAttachmentType+ InvoicingMethod+
Y: IsAccountant+=0 IsAgency+=0 IsAnonymised=0
B: IsBank=false
Y: IsCompetitor+=0
B: IsExtraDuty+=false
Y: IsMailing+=0
B: IsMember=false IsPilot+=false IsPurchase=false IsReseller=false IsSales=false IsSupplier+=false
S: Language+ LanguageDescription
D: Latitude+
G: LeadPurpose+ LeadSource+
X: Logo+
S: LogoFileName+ LogoThumbnailUrl LogoUrl
D: Longitude+
G: MainContact+
T: Modified
G: Modifier
S: ModifierFullName Name+ OINNumber+
G: Parent+
S: PayAsYouEarn+ PaymentConditionPurchase+ PaymentConditionPurchaseDescription PaymentConditionSales+
S: PaymentConditionSalesDescription PeppolIdentifier+
I: PeppolIdentifierType+
S: Phone+ PhoneExtension+ Postcode+
G: PriceList+
S: PurchaseCurrency+ PurchaseCurrencyDescription
I: PurchaseLeadDays+
S: PurchaseVATCode+ PurchaseVATCodeDescription
B: RecepientOfCommissions+=false
S: Remarks+
G: Reseller+
S: ResellerCode ResellerName RSIN+ SalesCurrency+ SalesCurrencyDescription
G: SalesTaxSchedule+
S: SalesTaxScheduleCode SalesTaxScheduleDescription SalesVATCode+ SalesVATCodeDescription SearchCode+
I: SecurityLevel+
Y: SeparateInvPerProject+=0 SeparateInvPerSubscription+=0
I: ShippingLeadDays+
G: ShippingMethod+
B: ShowRemarkForSales+=false
Y: Source
T: StartDate+
S: State+ StateName Status+
T: StatusSince
S: TradeName+ Type=A UniqueTaxpayerReference+ VATLiability+ VATNumber+ Website+
"""

DELETED = """
L: Timestamp
G: DeletedBy
T: DeletedDate
I: Division
G: EntityKey
I: EntityType
G: ID
"""

DIVISION = """
I: Code
G: Customer
S: CustomerCode CustomerName Country Currency CurrencyDescription
T: ArchiveDate
I: BlockingStatus
T: Created
G: Creator
S: CreatorFullName
B: Current
S: Description
T: DivisionHRLinkUnlinkDate DivisionMoveDate
L: Hid
B: IsDossierDivision IsMainDivision IsPracticeDivision
S: Legislation LegislationDescription
T: Modified
G: Modifier
S: ModifierFullName
T: StartDate
I: Status
S: TaxOfficeNumber TimeZone
"""

ME = """
G: UserID
I: AccountingDivision CurrentDivision
S: CustomerCode
G: DivisionCustomer
S: DivisionCustomerCode DivisionCustomerName
I: DossierDivision
S: Email
G: EmployeeID
S: FirstName FullName Gender Initials
B: IsClientUser=false IsEmployeeSelfServiceUser=false IsMyFirmLiteUser=false IsMyFirmPortalUser=false
B: IsOEIMigrationMandatory=false IsStarterUser=false
S: Language LanguageCode LastName
L: Legislation
S: MiddleName Mobile Nationality PackageCode Phone PhoneExtension PictureUrl ServerTime
D: ServerUtcOffset
S: ThumbnailPicture ThumbnailPictureFormat Title UserName
"""

SYNC_TIMESTAMP = """
T: Modified
S: API
L: TimeStampAsBigInt
"""


def columns(
    layout: str, derived: dict[str, Callable[[Row], Any]] | None = None, pads: Mapping[str, int] | None = None
) -> dict[str, Column]:
    """Read a layout.

    :param layout: lines of a type letter and its property names.
    :param derived: how to compute properties that are joined at reading time.
    :param pads: widths of fixed-length texts, negative for blanks behind.
    """
    joins, widths = derived or {}, pads or {}
    return {
        column.name: replace(column, derive=joins.get(column.name), pad=widths.get(column.name, 0))
        if column.name in joins or column.name in widths
        else column
        for column in _read(layout)
    }


@cache
def _read(layout: str) -> tuple[Column, ...]:
    """Read a layout once, for all companies of all sandboxes."""
    found: dict[str, Column] = {}
    for line in layout.strip().splitlines():
        letter, _, names = line.partition(":")
        for word in names.split():
            head, _, default = word.partition("=")
            name = head.rstrip("+")
            edm: Any = _SHORT[letter]
            found[name] = Column(name, edm, head.endswith("+"), _DEFAULTS.get(default))
    return tuple(found.values())


def with_timestamp(base: dict[str, Column]) -> dict[str, Column]:
    """Return the columns of a sync endpoint: those of the single one behind ``Timestamp``.

    :param base: columns of the single endpoint.
    """
    return {"Timestamp": Column("Timestamp", "Int64"), **base}
