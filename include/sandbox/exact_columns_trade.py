"""The properties of time transactions and of what they and other documents refer to.

The notation is that of ``exact_columns``. Time transactions are complete; of the other entities, which are there so
that more endpoints can be tried, the properties that a client is likely to read or write.
"""

from __future__ import annotations

TIME_TRANSACTION = """
G: ID+ Account+
S: AccountName
G: Activity+
S: ActivityDescription
D: Amount+ AmountFC
G: Attachment+
T: Created
G: Creator
S: CreatorFullName Currency+ CustomField
T: Date+
I: Division
S: DivisionDescription
G: Employee+
T: EndTime+
I: EntryNumber+
S: ErrorText+
H: HourStatus+
G: Item+
S: ItemDescription
B: ItemDivisable
T: Modified
G: Modifier
S: ModifierFullName Notes+
D: Price+ PriceFC
G: Project+ ProjectAccount
S: ProjectAccountCode ProjectAccountName ProjectCode ProjectDescription
D: Quantity+
B: SkipValidation+=false
T: StartTime+
G: Subscription+ SubscriptionAccount+
S: SubscriptionAccountCode SubscriptionAccountName SubscriptionDescription
I: SubscriptionNumber
H: Type
"""

ITEM = """
G: ID+
D: AverageCost
S: Barcode+ Code+
S: CostPriceCurrency
D: CostPriceNew CostPriceStandard+
T: Created
G: Creator
S: CreatorFullName Description+
I: Division
T: EndDate+
S: ExtraDescription+
Y: IsBatchItem+=0
B: IsFractionAllowedItem+=false
Y: IsMakeItem+=0
B: IsPurchaseItem+=false IsSalesItem+=false IsSerialItem+=false IsStockItem+=false
Y: IsTime+=0 IsWebshopItem+=0
G: ItemGroup+
S: ItemGroupCode ItemGroupDescription
T: Modified
G: Modifier
S: ModifierFullName Notes+ SalesVatCode+ SearchCode+
I: SecurityLevel+
D: StandardSalesPrice
T: StartDate+
D: Stock
S: Unit+ UnitDescription UnitType
"""

PROJECT = """
G: ID+ Account+
S: AccountCode
G: AccountContact+
S: AccountName
B: BlockEntry+=false BlockPurchasing+=false BlockRebilling+=false
D: BudgetedAmount+ BudgetedCosts+ BudgetedRevenue+
G: Classification+
S: ClassificationDescription Code+
T: Created
G: Creator
S: CreatorFullName CustomerPOnumber+ Description+
I: Division
S: DivisionName
T: EndDate+
B: HasWBSLines=false
S: InternalNotes+
G: Manager+
S: ManagerFullname
T: Modified
G: Modifier
S: ModifierFullName Notes+
D: SalesTimeQuantity+
T: StartDate+
D: TimeQuantityToAlert+
I: Type+
S: TypeDescription
"""

BANK_ACCOUNT = """
G: ID+ Account+
S: AccountName BankAccount+ BankAccountHolderName+ BICCode+
T: Created
G: Creator
S: CreatorFullName Description+
I: Division
S: Format+
B: Main+=false
T: Modified
G: Modifier
S: ModifierFullName
G: PaymentServiceAccount+
S: Type+=A TypeDescription
"""

QUOTATION = """
G: QuotationID+
D: AmountDC AmountFC
T: CloseDate+ ClosingDate+ Created
G: Creator
S: CreatorFullName Currency+
G: DeliveryAccount+
S: Description+
I: Division
G: Document+
T: DueDate+
G: InvoiceAccount+
T: Modified
G: Modifier
S: ModifierFullName
G: Opportunity+ OrderAccount+
S: OrderAccountCode
G: OrderAccountContact+
S: OrderAccountName
G: Project+
S: ProjectCode ProjectDescription
T: QuotationDate+
I: QuotationNumber+
S: Remarks+
G: SalesPerson+
H: Status
S: StatusDescription
D: VATAmountFC
I: VersionNumber
S: YourRef+
"""

QUOTATION_LINE = """
G: ID+
D: AmountDC AmountFC
S: Description+
I: Division
G: Item+
S: ItemDescription
I: LineNumber+
D: NetPrice+
S: Notes+
D: Quantity+
G: QuotationID
I: QuotationNumber
D: UnitPrice+
"""

SALES_INVOICE = """
G: InvoiceID+
D: AmountDC AmountFC
T: Created
G: Creator
S: CreatorFullName Currency+
G: DeliverTo+
S: Description+
I: Division
G: Document+
T: DueDate InvoiceDate+
I: InvoiceNumber
G: InvoiceTo+
S: InvoiceToName Journal+
T: Modified
G: Modifier
S: ModifierFullName
T: OrderDate+
G: OrderedBy+ OrderedByContactPerson+
S: OrderedByName
I: OrderNumber+
S: PaymentCondition+ PaymentReference+ Remarks+
G: Salesperson+
H: Status
S: StatusDescription
I: Type+
S: TypeDescription
D: VATAmountFC
S: YourRef+
"""

SALES_INVOICE_LINE = """
G: ID+
D: AmountDC AmountFC
S: Description+
I: Division
G: InvoiceID Item+
S: ItemCode ItemDescription
I: LineNumber
D: NetPrice+
S: Notes+
G: Project+
D: Quantity+ UnitPrice+
"""

STOCK_POSITION = """
D: InStock=0
G: ItemId
D: PlanningIn=0 PlanningOut=0
"""

CURRENCY = """
S: Code
D: AmountPrecision
T: Created
G: Creator
S: CreatorFullName Description
T: Modified
G: Modifier
S: ModifierFullName
D: PricePrecision
"""
