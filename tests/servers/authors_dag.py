"""Every operator as an author of a DAG uses it; the person comes from the run's conf."""

from __future__ import annotations

from typing import Any

from airflow.sdk import DAG, Param, task

from exact_online.hooks import ExactOnlineHook
from exact_online.news import ExactOnlineNewRecordsOperator
from exact_online.operators import (
    ExactOnlineCreateOperator,
    ExactOnlineDeleteOperator,
    ExactOnlineGetOperator,
    ExactOnlineListOperator,
    ExactOnlineRequestOperator,
    ExactOnlineTimeTransactionOperator,
    ExactOnlineUpdateOperator,
)
from personio.news import PersonioNewEmployeesOperator
from personio.operators import (
    PersonioCreateApplicationOperator,
    PersonioCreateEmployeeOperator,
    PersonioListEmployeesOperator,
    PersonioUploadDocumentOperator,
)

PARAMS: dict[str, Any] = {"person": Param({}, type="object"), "folder": "", "key": "", "account": ""}

with DAG("authors", schedule=None, params=PARAMS) as dag:

    @task(show_return_value_in_logs=False)
    def person(params: Any = None) -> Any:
        return {"Name": params["person"]["last"] + " B.V."}

    made = ExactOnlineCreateOperator(task_id="create", endpoint="crm/accounts", body=person())
    update = ExactOnlineUpdateOperator(
        task_id="update",
        endpoint="crm/Accounts",
        key="{{ ti.xcom_pull('create')['id'] }}",
        body={"Remarks": "{{ params.person.last }} asked", "Name": "{{ params.person.last }} N.V."},
    )
    get = ExactOnlineGetOperator(
        task_id="get",
        endpoint="crm/Accounts",
        key="{{ ti.xcom_pull('create')['id'] }}",
        select="ID,Name,Remarks",
        path="file://{{ params.folder }}/one.jsonl",
        include_in_xcom=["ID"],
    )
    rows = ExactOnlineListOperator(
        task_id="list",
        endpoint="crm/Accounts",
        select=["ID", "Name", "Created"],
        orderby="Name desc",
        filter="startswith(Name,'{{ params.person.last }}')",
        path="file://{{ params.folder }}/rows.parquet",
        format="parquet",
    )
    invoice = ExactOnlineRequestOperator(
        task_id="invoice",
        method="POST",
        endpoint="salesinvoice/SalesInvoices",
        body={
            "Journal": "70",
            "OrderedBy": "{{ ti.xcom_pull('create')['id'] }}",
            "SalesInvoiceLines": [{"Item": "{{ params.key }}", "Quantity": 2}],
        },
    )
    delete = ExactOnlineDeleteOperator(
        task_id="delete",
        endpoint="crm/Accounts",
        key="{{ ti.xcom_pull('create')['id'] }}",
        confirm_id="{{ ti.xcom_pull('create')['id'] }}",
    )
    hours = ExactOnlineTimeTransactionOperator(
        task_id="hours",
        item="{{ params.key }}",
        account="{{ params.account }}",
        quantity="1.5",
        notes="For {{ params.person.last }}",
    )
    contact = ExactOnlineCreateOperator(
        task_id="contact",
        endpoint="crm/Contacts",
        body={
            "Account": "{{ params.account }}",
            "FirstName": "{{ params.person.first }}",
            "LastName": "{{ params.person.last }}",
        },
    )
    rename = ExactOnlineUpdateOperator(
        task_id="rename",
        endpoint="crm/Contacts",
        key="{{ ti.xcom_pull('contact')['id'] }}",
        body={"Email": "{{ params.person.email }}"},
    )

    @task
    def ask(ti: Any = None) -> Any:
        """Make calls of one's own with the hook."""
        hook, key = ExactOnlineHook(), ti.xcom_pull("contact")["id"]
        hook.request("PUT", "crm/Contacts", key=key, json={"JobTitleDescription": "Asked"})
        row = hook.request("GET", "crm/Contacts", key=key, params={"$select": "ID,Account,JobTitleDescription"})
        return {name: row[name] for name in ("ID", "Account", "JobTitleDescription")}

    news = ExactOnlineNewRecordsOperator(task_id="news", entity="Contacts", start_from="beginning")
    joined = PersonioNewEmployeesOperator(task_id="joined", start_from="beginning")
    upload = PersonioUploadDocumentOperator(task_id="upload", path="{{ params.folder }}/cv.pdf")
    apply = PersonioCreateApplicationOperator(
        task_id="apply",
        first_name="{{ params.person.first }}",
        last_name="{{ params.person.last }}",
        email="{{ params.person.email }}",
        message="Hello {{ params.person.first }}",
        files=[{"uuid": upload.output, "original_filename": "cv.pdf", "category": "cv"}],
    )
    hire = PersonioCreateEmployeeOperator(
        task_id="hire",
        first_name="{{ params.person.first }}",
        last_name="{{ params.person.last }}",
        email="{{ params.person.email }}",
        department="No Such Department",
        weekly_working_hours="32.5",
    )
    staff = PersonioListEmployeesOperator(
        task_id="staff",
        email_address="{{ params.person.email }}",
        path="file://{{ params.folder }}/staff.jsonl",
        include_ids=True,
    )
    many = ExactOnlineCreateOperator.partial(task_id="many", endpoint="crm/Accounts").expand(
        body=[{"Name": "Mapped"}, {"Name": "Mapped"}]
    )
    made >> update >> get >> rows >> delete
    made >> invoice
    contact >> rename >> ask() >> news
    hire >> staff
    hire >> joined
