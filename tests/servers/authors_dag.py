"""Every operator as an author of a DAG uses it; the person comes from the run's conf."""

from __future__ import annotations

from typing import Any

from airflow.sdk import DAG, Param, task

from exact_online.operators import (
    ExactOnlineCreateOperator,
    ExactOnlineDeleteOperator,
    ExactOnlineGetOperator,
    ExactOnlineListOperator,
    ExactOnlineRequestOperator,
    ExactOnlineUpdateOperator,
)
from personio.operators import (
    PersonioCreateApplicationOperator,
    PersonioCreateEmployeeOperator,
    PersonioListEmployeesOperator,
    PersonioUploadDocumentOperator,
)

with DAG("authors", schedule=None, params={"person": Param({}, type="object"), "folder": "", "key": ""}) as dag:

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
    hire >> staff
