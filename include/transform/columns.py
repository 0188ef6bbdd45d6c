"""The columns of Exact Online's contacts and accounts, with their types.

A mapping may read only these, so a misspelt column is found when the mapping is loaded and not when
Exact refuses the call: each refusal counts against the errors that Exact allows per hour.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal, cast

if TYPE_CHECKING:
    from include.records import Entity

Edm = Literal[
    "Binary",
    "Boolean",
    "Byte",
    "Collection",
    "DateTime",
    "Double",
    "Guid",
    "Int16",
    "Int32",
    "Int64",
    "String",
]


def _columns(**by_type: str) -> dict[str, Edm]:
    """Turn ``type="name name"`` into ``name -> type``."""
    return {name: cast("Edm", edm) for edm, names in by_type.items() for name in names.split()}


CONTACT_COLUMNS: Final[dict[str, Edm]] = _columns(
    Binary="Picture",
    Boolean="AccountIsCustomer AccountIsSupplier IsMailingExcluded IsMainContact",
    Byte="IsAnonymised",
    DateTime="BirthDate Created EndDate IdentificationDate Modified StartDate",
    Guid=(
        "Account AccountMainContact Creator ID IdentificationDocument IdentificationUser LeadPurpose "
        "LeadSource Modifier Person"
    ),
    Int32="AllowMailing Division HID",
    Int64="Timestamp",
    String=(
        "AccountName AddressLine2 AddressStreet AddressStreetNumber AddressStreetNumberSuffix BirthName "
        "BirthNamePrefix BirthPlace BusinessEmail BusinessFax BusinessMobile BusinessPhone "
        "BusinessPhoneExtension City Code Country CreatorFullName CustomField Email FirstName FullName "
        "Gender Initials JobTitleDescription Language LastName MarketingNotes MiddleName Mobile "
        "ModifierFullName Nationality Notes PartnerName PartnerNamePrefix Phone PhoneExtension PictureName "
        "PictureThumbnailUrl PictureUrl Postcode SocialSecurityNumber State Title TitleAbbreviation "
        "TitleDescription"
    ),
)
"""``crm/Contacts`` and ``sync/CRM/Contacts``, which adds ``Timestamp``."""

ACCOUNT_COLUMNS: Final[dict[str, Edm]] = _columns(
    Binary="Logo",
    Boolean=(
        "Blocked CanDropShip EnableSalesPaymentLink HasWithholdingTaxSales IgnoreDatevWarningMessage IsBank "
        "IsExtraDuty IsMember IsPilot IsPurchase IsReseller IsSales IsSupplier RecepientOfCommissions "
        "ShowRemarkForSales"
    ),
    Byte=(
        "AddressSource AutomaticProcessProposedEntry ConsolidationScenario CostPaid DeliveryAdvice "
        "IsAccountant IsAgency IsAnonymised IsCompetitor IsMailing SeparateInvPerProject "
        "SeparateInvPerSubscription Source"
    ),
    Collection="BankAccounts",
    DateTime="ControlledDate Created CustomerSince EndDate EstablishedDate Modified StartDate StatusSince",
    Double="CreditLinePurchase CreditLineSales DiscountPurchase DiscountSales Latitude Longitude",
    Guid=(
        "AccountManager Accountant ActivitySector ActivitySubSector BRIN BusinessType Classification1 "
        "Classification2 Classification3 Classification4 Classification5 Classification6 Classification7 "
        "Classification8 CompanySize Creator Document GLAP GLAR GLAccountPurchase GLAccountSales ID "
        "InvoiceAccount LeadPurpose LeadSource MainContact Modifier Parent PriceList Reseller "
        "SalesTaxSchedule ShippingMethod"
    ),
    Int16="IncotermVersionPurchase IncotermVersionSales",
    Int32=(
        "AccountManagerHID Division InvoiceAttachmentType InvoicingMethod PeppolIdentifierType "
        "PurchaseLeadDays SecurityLevel ShippingLeadDays"
    ),
    Int64="Timestamp",
    String=(
        "AccountManagerFullName AddressLine1 AddressLine2 AddressLine3 BSN ChamberOfCommerce City "
        "Classification ClassificationDescription ClientGroup ClientGroupDescription Code CodeAtSupplier "
        "Costcenter CostcenterDescription Country CountryName CreatorFullName Currency CustomField "
        "DatevCreditorCode DatevDebtorCode DunsNumber EORINumber Email Fax GlnNumber "
        "IncotermAddressPurchase IncotermAddressSales IncotermCodePurchase IncotermCodeSales IntraStatArea "
        "IntraStatDeliveryTerm IntraStatSystem IntraStatTransactionA IntraStatTransactionB "
        "IntraStatTransportMethod InvoiceAccountCode InvoiceAccountName Language LanguageDescription "
        "LogoFileName LogoThumbnailUrl LogoUrl ModifierFullName Name OINNumber PayAsYouEarn "
        "PaymentConditionPurchase PaymentConditionPurchaseDescription PaymentConditionSales "
        "PaymentConditionSalesDescription PeppolIdentifier Phone PhoneExtension Postcode PurchaseCurrency "
        "PurchaseCurrencyDescription PurchaseVATCode PurchaseVATCodeDescription RSIN Remarks ResellerCode "
        "ResellerName SalesCurrency SalesCurrencyDescription SalesTaxScheduleCode "
        "SalesTaxScheduleDescription SalesVATCode SalesVATCodeDescription SearchCode State StateName Status "
        "TradeName Type UniqueTaxpayerReference VATLiability VATNumber Website"
    ),
)
"""``crm/Accounts`` and ``sync/CRM/Accounts``, which adds ``Timestamp``."""

COLUMNS: Final[dict[Entity, dict[str, Edm]]] = {"Accounts": ACCOUNT_COLUMNS, "Contacts": CONTACT_COLUMNS}

UNREADABLE: Final = frozenset({"Binary", "Collection"})
"""Types that no rule can use: pictures are write-only, collections are links."""

ALWAYS: Final = ("ID", "Timestamp", "Created", "Modified")
"""Columns that are read whatever the mapping says: identity, order, age."""
